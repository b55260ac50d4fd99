"""A trained model over a stack: one band of probability per scene, and what else is asked for."""

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZIP_STORED

import numpy as np
import torch

from am4cm_cli import __version__
from am4cm_cli.assembling import count_answers, finished_windows
from am4cm_cli.clear_skies import (
    DatedWriter,
    check_clear_sky,
    clear_sky_folder,
    clear_sky_rasters,
    estimate_notes,
)
from am4cm_cli.clock import Clock
from am4cm_cli.cluster import Cluster
from am4cm_cli.device_engine import pinned
from am4cm_cli.earlier import LEVEL_TAG
from am4cm_cli.engine import Engine
from am4cm_cli.errors import ChangedError, OutputError, UnreadableError, first_line
from am4cm_cli.files import appear_together
from am4cm_cli.head_start import HeadStart
from am4cm_cli.jobs import MaskJob, keep, look, plan_job
from am4cm_cli.judgement import judge_from
from am4cm_cli.keeping import Kept
from am4cm_cli.layers import CLEAR_SKY, NODATA, Layer
from am4cm_cli.marks import write_marks
from am4cm_cli.memory import give_back
from am4cm_cli.orders import Basis, MaskConfig, MaskFiles, Resources
from am4cm_cli.parts import (
    Journal,
    Parts,
    continued_parts,
    facts_before,
    forget_parts,
    parts_folder,
    passing_parts,
)
from am4cm_cli.progress import Track
from am4cm_cli.rasters.ahead import window_reader
from am4cm_cli.rasters.cache import bounded_cache
from am4cm_cli.rasters.cogs import CogWriter, create_cog
from am4cm_cli.rasters.opening import image_files
from am4cm_cli.rasters.styles import class_style
from am4cm_cli.skipping import advise, recall_unreadable, skip_unreadable, unreadable_notes
from am4cm_cli.space import check_space
from am4cm_cli.stacks.stack import Stack
from am4cm_cli.states import check_unchanged
from am4cm_cli.storage import Storage
from am4cm_cli.streaming import compute_windows, one_thread_each
from am4cm_cli.updating import completing
from am4cm_cli.weights import Weights

LOG = logging.getLogger(__name__)
LARGE_BYTES = 4 * 10**9
"""Of uncompressed rasters; beyond, parts are compressed to a fifth, at 100 MB a second."""
HALF = {"uint8": 50, "float32": 0.5}
"""What is stored for an even chance."""


@dataclass(frozen=True, kw_only=True)
class MaskSummary:
    """What was written."""

    dates: int
    answered: int
    """Pixel-dates with a probability."""
    flagged: int
    """Of these, with at least 50 %."""
    notes: tuple[str, ...]
    """What a user should know, one sentence each."""


def mask_stack(
    stack: Stack,
    files: MaskFiles,
    weights: Weights,
    config: MaskConfig,
    resources: Resources | None = None,
    *,
    device: torch.device,
    basis: Basis | None = None,
    cluster: Cluster | None = None,
    early: HeadStart | None = None,
    storage: Storage | None = None,
    resume: bool = False,
    skip_bad: bool = False,
    track: Track = iter,
    track_writing: Track = iter,
    tell: Callable[[str], object] = str,
    clock: Clock | None = None,
) -> MaskSummary:
    """Write the probability of every scene of a stack; no raster appears if it fails.

    Args:
        stack: to mask.
        files: rasters to write.
        weights: of the model.
        config: what decides the pixels.
        resources: memory and threads.
        device: to compute on.
        basis: an earlier mask, whose calibration serves again, or that is to be updated.
        cluster: that computes the windows; this process if None.
        early: reading that has begun already.
        storage: how the rasters are stored; cloud-optimised if None.
        resume: keep what is done beside the output while it is not whole, and go on from there.
        skip_bad: mask scenes that cannot be read as nodata; else they are an error.
        track: follows the windows as they are computed.
        track_writing: follows them as they are written.
        tell: is given sentences that a user should read while it runs.
        clock: is told where the time goes.

    Raises:
        StackError: too few scenes can be compared, or a file cannot be read.
        WeightsError: the stack lacks bands that the weights cannot do without.
        EarlierError: the earlier mask was made another way.
        OutputError: a raster cannot be written, or the method cannot tell what it asks for.
    """
    started = [early] if early else []

    def attempt(stack: Stack) -> MaskSummary:
        with _writing(files.probability):
            return _mask_readable(
                stack,
                files,
                weights,
                config,
                resources or Resources(),
                device=device,
                basis=basis,
                cluster=cluster,
                early=started.pop() if started else None,  # of use to the first attempt alone
                storage=storage or Storage(),
                resume=resume,
                voiding=(UnreadableError,) if skip_bad else (ChangedError,),
                track=track,
                track_writing=track_writing,
                tell=tell,
                clock=clock or Clock(),
            )

    if skip_bad:
        bands = [band for band in weights.model.config.bands if band in stack.bands]
        known = recall_unreadable(stack, facts_before(files.probability) if resume else {})
        return skip_unreadable(known, bands, attempt, tell=tell)
    try:
        return attempt(stack)
    except UnreadableError as error:
        raise advise(stack, error) from error


@contextmanager
def _writing(out: Path) -> Iterator[None]:
    """Tell of a folder that goes away, or lets nothing be written any more, at any moment."""
    try:
        yield
    except OSError as error:  # those of images are told where they are read
        raise OutputError(
            f"{out}: not written ({error.strerror or first_line(error)}); expected a folder that "
            "stays writable. Give the same command again once it is."
        ) from error


def _mask_readable(
    stack: Stack,
    files: MaskFiles,
    weights: Weights,
    config: MaskConfig,
    resources: Resources,
    *,
    device: torch.device,
    basis: Basis | None,
    cluster: Cluster | None,
    early: HeadStart | None,
    storage: Storage,
    resume: bool,
    voiding: tuple[type[BaseException], ...],
    track: Track,
    track_writing: Track,
    tell: Callable[[str], object],
    clock: Clock,
) -> MaskSummary:
    """Mask a stack whose files, but for those of scenes marked as unreadable, can be read."""
    _check_outputs(stack, files, config, basis)
    job = plan_job(stack, files, weights, config, resources, device=device, basis=basis)
    if job.update:
        tell(job.update.tell())
    if cluster is not None:  # workers read all windows themselves
        job = replace(job, plan=replace(job.plan, spare_bytes=0))
    _check_room(files, job)
    LOG.debug(job.plan.tell())
    for sentence in job.warnings(resources, alone=cluster is None):
        tell(sentence)
    with (
        bounded_cache(job.plan.cache_bytes),
        _open_parts(files, job, resume=resume, voiding=voiding, tell=tell) as (parts, before),
    ):
        found = _compute(
            job,
            parts,
            before,
            weights,
            cluster=cluster,
            early=early,
            track=track,
            tell=tell,
            clock=clock,
        )
        check_unchanged(job.scorer.stack, job.facts)
        # Only now, when no image is read any more: a thread that decodes JPEG 2000 makes room in
        # GDAL's cache by writing out blocks of whatever raster is being written by another thread,
        # and GDAL crashes (rasterio 3328).
        engine = job.engine(judge_from(found["judge"]), clock)
        tags = _tags(weights, job, found)
        singles = len(files.rasters)
        with (
            appear_together([*files.rasters, *files.styles]) as new,
            clear_sky_folder(files.clear_sky) as folder,
        ):
            paths = [*new[:singles], *([folder] if folder else [])]
            answered, flagged = _assemble(
                engine, parts, job, paths, tags, storage, track=track_writing
            )
            for style in new[singles:]:
                style.write_text(class_style(), encoding="utf-8")
    if not resume:
        forget_parts(parts_folder(files.probability))
    LOG.debug(clock.tell())
    notes = (*unreadable_notes(stack), *found["notes"], *estimate_notes(files.folders))
    return MaskSummary(dates=len(stack.scenes), answered=answered, flagged=flagged, notes=notes)


def _compute(
    job: MaskJob,
    parts: Parts,
    before: Journal | None,
    weights: Weights,
    *,
    cluster: Cluster | None,
    early: HeadStart | None,
    track: Track,
    tell: Callable[[str], object],
    clock: Clock,
) -> Mapping[str, Any]:
    """Compute all windows that are not done yet; return what the journal tells of them."""
    scorer, plan = job.scorer, job.plan
    with window_reader(
        scorer.stack,
        scorer.bands,
        threads=plan.threads,
        open_files=plan.open_files,
        clock=clock,
        memory=pinned if scorer.device.type == "cuda" else np.empty,
    ) as reader:
        windows = [window for window in job.to_compute() if not parts.has(window)]
        kept = keep(job, reader, early) if before is None and cluster is None else {}
        journal = before
        if journal is None and not kept:  # there is no room for more than the sample
            journal = _look(job, weights, kept, parts, clock)
        # Reading goes on while the judge is being fitted.
        ahead = plan.ahead_of_fit(len(kept)) if journal is None else plan.ahead
        flow = reader.flow([] if cluster else windows, kept, ahead=ahead)
        journal = journal or _look(job, weights, kept, parts, clock)
        judge = judge_from(journal.found["judge"])
        if before is not None:
            total = len(list(job.tiling))
            tell(
                f"Going on from an earlier run: {total - len(windows)} of {total} windows are done."
            )
        if cluster is not None:
            cluster.compute(job, judge, windows, parts, track=track)
        else:
            engine = job.fastest_engine(judge, clock, tell)
            compute_windows(engine, flow, parts, track=track)
    return journal.found


def _look(job: MaskJob, weights: Weights, kept: Kept, parts: Parts, clock: Clock) -> Journal:
    with clock("sample"):
        journal = look(job, weights, kept)
        give_back()
    parts.note(journal)
    return journal


def _assemble(
    engine: Engine,
    parts: Parts,
    job: MaskJob,
    paths: Sequence[Path],
    tags: Mapping[str, str],
    storage: Storage,
    *,
    track: Track,
) -> tuple[int, int]:
    """Write whole rasters; count the probability's pixel-dates, and those flagged."""
    answered = flagged = 0
    dtype = job.config.dtype
    with (
        one_thread_each(),
        ThreadPoolExecutor(job.plan.threads, "assemble") as pool,
        _rasters(job, paths, tags, storage, engine.clock) as rasters,
        completing(job.update) as complete,
    ):
        windows = finished_windows(
            engine, parts, job.tiling, pool, ahead=job.plan.threads, complete=complete
        )
        for _, (window, layers) in zip(track(list(job.tiling)), windows, strict=True):
            for array, raster in zip(layers, rasters, strict=True):
                raster.write(array, window)
            counts = count_answers(layers[0], HALF[dtype], NODATA[dtype])
            answered, flagged = answered + counts[0], flagged + counts[1]
    return answered, flagged


@contextmanager
def _rasters(
    job: MaskJob,
    paths: Sequence[Path],
    tags: Mapping[str, str],
    storage: Storage,
    clock: Clock,
) -> Iterator[list[CogWriter | DatedWriter]]:
    with ExitStack() as open_rasters:
        yield [
            open_rasters.enter_context(_raster(job, layer, path, tags, storage, clock))
            for layer, path in zip(job.written, paths, strict=True)
        ]


def _raster(
    job: MaskJob,
    layer: Layer,
    path: Path,
    tags: Mapping[str, str],
    storage: Storage,
    clock: Clock,
) -> AbstractContextManager[CogWriter | DatedWriter]:
    """One raster, or a folder of one for each date."""
    stack, shown = job.scorer.stack, layer.path
    if layer.content == CLEAR_SKY:
        return clear_sky_rasters(
            path, stack, job.scorer.bands, tags, storage, shown=shown, clock=clock
        )
    return create_cog(
        path,
        shown=shown,
        grid=stack.grid,
        dtype=layer.dtype,
        nodata=NODATA[layer.dtype],
        names=layer.names,
        tags={**tags, "AM4CM_CONTENT": layer.content},
        overview=layer.overview,
        storage=storage,
        clock=clock,
    )


def _open_parts(
    files: MaskFiles,
    job: MaskJob,
    *,
    resume: bool,
    voiding: tuple[type[BaseException], ...],
    tell: Callable[[str], object],
) -> AbstractContextManager[tuple[Parts, Journal | None]]:
    folder = parts_folder(files.probability)
    compression = ZIP_DEFLATED if job.layer_bytes > LARGE_BYTES else ZIP_STORED
    if resume:
        return continued_parts(
            folder, job.facts, compression=compression, voiding=voiding, tell=tell
        )
    return passing_parts(folder, compression=compression)


def _check_room(files: MaskFiles, job: MaskJob) -> None:
    """Parts, strips; whole rasters, uncompressed and with overviews; and the same compressed."""
    parts = 0.5 if job.layer_bytes > LARGE_BYTES else 1.1
    needed = job.layer_bytes * (parts + 4 / 3 + 0.5) + job.strip_bytes
    check_space(files.probability.parent, needed, "for the mask and what it is made from")


def _check_outputs(stack: Stack, files: MaskFiles, config: MaskConfig, basis: Basis | None) -> None:
    beside = [*files.rasters[1:], *files.folders]
    if basis and basis.update and beside:
        raise OutputError(
            f"{beside[0]}: --update can't make it, since {basis.path} holds nothing but "
            "probabilities to take over; leave one of the two away."
        )
    if files.classes is not None and config.method != "counterfactual":
        raise OutputError(
            f"{files.classes}: the method {config.method} cannot tell shadows from clouds; "
            "classes need --method counterfactual."
        )
    if files.clear_sky is not None:
        check_clear_sky(files.clear_sky, stack, config.method)
    images = image_files(stack)
    paths = [*files.rasters, *files.styles, *files.folders]
    outputs = [path.resolve() for path in paths]
    for path, found in zip(paths, outputs, strict=True):
        if found in images:
            raise OutputError(f"{path}: is one of the images to be masked; choose another name.")
        if outputs.count(found) > 1:
            raise OutputError(f"{path}: is named for two outputs; give each a name of its own.")


def _tags(weights: Weights, job: MaskJob, found: Mapping[str, Any]) -> dict[str, str]:
    level = job.scorer.stack.level
    return {
        "AM4CM_VERSION": __version__,
        "AM4CM_METHOD": job.config.method,
        "AM4CM_TARGET": job.config.target,
        "AM4CM_WEIGHTS": weights.name,
        "AM4CM_WEIGHTS_SHA256": weights.sha256,
        "AM4CM_BANDS": " ".join(job.scorer.bands),
        **({LEVEL_TAG: level} if level else {}),
        "AM4CM_CALIBRATION": json.dumps(found["judge"]),
        "AM4CM_CALIBRATED_ON": json.dumps(found["calibrated_on"]),
        "AM4CM_SCENES": write_marks(job.marks),
    }
