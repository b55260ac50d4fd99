"""A stack and its mask to one clear image: windows to disk first, and whole rasters of these."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from am4cm_cli.clock import Clock
from am4cm_cli.compositing.clearness import read_clearness
from am4cm_cli.compositing.composer import Composer, Layers
from am4cm_cli.compositing.config import CompositeConfig, CompositeFiles
from am4cm_cli.compositing.job import CompositeJob, plan_composite
from am4cm_cli.compositing.outputs import composite_rasters
from am4cm_cli.compositing.pairs import pair
from am4cm_cli.compositing.pixels import NEVER_SEEN
from am4cm_cli.errors import OutputError, UnreadableError
from am4cm_cli.likeness import likeness_notes
from am4cm_cli.orders import Resources
from am4cm_cli.parts import Part, Parts, parts_folder, passing_parts
from am4cm_cli.progress import Track
from am4cm_cli.rasters.ahead import window_reader
from am4cm_cli.rasters.cache import bounded_cache
from am4cm_cli.rasters.masks import MaskFile, opened
from am4cm_cli.rasters.opening import image_files
from am4cm_cli.skipping import advise, skip_unreadable, unreadable_notes
from am4cm_cli.space import check_space
from am4cm_cli.stacks.stack import Stack
from am4cm_cli.states import check_unchanged, image_states
from am4cm_cli.storage import Storage


@dataclass(frozen=True, kw_only=True)
class CompositeSummary:
    """What was written."""

    dates: int
    """That could be read."""
    observed: int
    """Pixels with an observation."""
    filled: int
    """Of these, with a clear one."""
    clear: int
    """Clear observations of all pixels."""
    notes: tuple[str, ...]
    """What a user should know, one sentence each."""


def write_composite(
    stack: Stack,
    mask: MaskFile,
    files: CompositeFiles,
    config: CompositeConfig,
    resources: Resources | None = None,
    *,
    storage: Storage | None = None,
    skip_bad: bool = False,
    track: Track = iter,
    tell: Callable[[str], object] = str,
) -> CompositeSummary:
    """Write what a stack shows under a clear sky, by its mask; all rasters appear, or none.

    Args:
        stack: to compose, all of its bands.
        mask: of probabilities, of these scenes.
        files: rasters to write.
        config: what decides the pixels.
        resources: memory and threads.
        storage: how the rasters are stored; cloud-optimised if None.
        skip_bad: leave out scenes that cannot be read; else they are an error.
        track: follows the windows.
        tell: is given sentences that a user should read while it runs.

    Raises:
        StackError: the mask is not of this stack, or a file cannot be read.
        OutputError: a raster cannot be written.
        Am4cmError: the memory does not suffice.
    """
    _check_outputs(stack, mask, files)
    pairs = pair(stack, mask)

    def attempt(stack: Stack) -> CompositeSummary:
        job = plan_composite(stack, mask, pairs, config, resources or Resources())
        return _write(job, files, storage or Storage(), track)

    if skip_bad:
        return skip_unreadable(stack, stack.bands, attempt, tell=tell)
    try:
        return attempt(stack)
    except UnreadableError as error:
        raise advise(stack, error) from error


def _write(
    job: CompositeJob, files: CompositeFiles, storage: Storage, track: Track
) -> CompositeSummary:
    # Parts; whole rasters with overviews, uncompressed; and the same compressed.
    needed = job.raster_bytes * (1 + 4 / 3 + 0.7)
    check_space(files.composite.parent, needed, "for the composite and what it is made from")
    states = image_states(job.stack)
    folder = parts_folder(files.composite)
    with bounded_cache(job.plan.cache_bytes), passing_parts(folder) as (parts, _):
        _compute(job, parts, track)
        check_unchanged(job.stack, states)
        # Only now, when no image is read any more; see `masking`.
        counts = _assemble(job, parts, files, storage)
    return CompositeSummary(
        dates=sum(not scene.unreadable for scene in job.stack.scenes),
        observed=counts[0],
        filled=counts[1],
        clear=counts[2],
        notes=(*unreadable_notes(job.stack), *_notes(job)),
    )


def _compute(job: CompositeJob, parts: Parts, track: Track) -> None:
    """Compose all windows into files of their own."""
    windows, composer = list(job.tiling), Composer(job=job)
    reading = window_reader(
        job.stack,
        job.stack.bands,
        threads=job.plan.threads,
        open_files=job.plan.open_files,
        clock=Clock(),
    )
    with opened(job.mask) as read, reading as reader:
        numbers = reader.ahead(windows, job.plan.ahead)
        for window, own in zip(track(windows), numbers, strict=True):
            seen = read_clearness(read, job.mask, job.pairs, window, job.config)
            layers = composer.compose(own, seen, reader.pool)
            parts.save(window, Part(layers=tuple(vars(layers).values()), strips={}))


def _assemble(
    job: CompositeJob, parts: Parts, files: CompositeFiles, storage: Storage
) -> NDArray[np.int64]:
    """Write whole rasters; count pixels with an observation, with a clear one, and all of these."""
    counts = np.zeros(3, np.int64)
    with composite_rasters(job, files, storage) as rasters:
        for window in job.tiling:
            layers = Layers(*parts.layers(window, 3))
            for name, raster in rasters.items():
                raster.write(vars(layers)[name], window)
            count = layers.count[layers.count != NEVER_SEEN]
            counts += (count.size, np.count_nonzero(count), count.sum(dtype=np.int64))
    return counts


def _check_outputs(stack: Stack, mask: MaskFile, files: CompositeFiles) -> None:
    inputs = {*image_files(stack), mask.path.resolve()}
    outputs = [path.resolve() for path in files.rasters]
    for path, found in zip(files.rasters, outputs, strict=True):
        if found in inputs:
            raise OutputError(f"{path}: is what the composite is made of; choose another name.")
        if outputs.count(found) > 1:
            raise OutputError(f"{path}: is named for two outputs; give each a name of its own.")


def _notes(job: CompositeJob) -> Iterator[str]:
    """What a user should know of the mask."""
    yield from likeness_notes(job.stack, job.mask)
    if job.mask.tags.get("AM4CM_TARGET", "cloud") == "cloud":
        yield (
            f"{job.mask.path} tells clouds alone, so shadows stay in; a mask made with --target "
            "unusable leaves them out, too."
        )
