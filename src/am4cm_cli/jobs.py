"""One mask to compute: what decides its pixels, and in which windows it is done."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from math import ceil
from pathlib import Path
from typing import Any

import torch
from rasterio.windows import Window

from am4cm_cli.clock import Clock
from am4cm_cli.device_engine import DeviceEngine
from am4cm_cli.earlier import Earlier, check_updatable, open_earlier
from am4cm_cli.engine import Engine
from am4cm_cli.head_start import HeadStart
from am4cm_cli.judgement import Judge, fit_judge
from am4cm_cli.keeping import Kept, begin_keeping, kept_patches
from am4cm_cli.layers import (
    JudgedLayer,
    Layer,
    attention_layer,
    class_layer,
    clear_sky_layer,
    planes_needed,
    probability_layer,
    reliability_layer,
)
from am4cm_cli.marks import CalibratedOn, Mark, mark_fitted, mark_scenes
from am4cm_cli.mask_notes import (
    band_notes,
    clear_sky_notes,
    refit_notes,
    sample_notes,
    target_notes,
)
from am4cm_cli.orders import Basis, MaskConfig, MaskFiles, Resources
from am4cm_cli.parts import Journal
from am4cm_cli.plan import Plan, plan_mask
from am4cm_cli.rasters.ahead import WindowReader
from am4cm_cli.rasters.reading import read_patches
from am4cm_cli.rims import DEEP
from am4cm_cli.runs import run_facts
from am4cm_cli.scores import ClearSkyScore
from am4cm_cli.scoring import Patches, StackSample, StackScorer, draw_sample, make_scorer
from am4cm_cli.serving import serve
from am4cm_cli.stacks.stack import Stack
from am4cm_cli.states import check_unchanged, file_state
from am4cm_cli.updating import Update, plan_update
from am4cm_cli.weights import Weights
from am4cm_cli.windows import Tiling


@dataclass(frozen=True, kw_only=True)
class MaskJob:
    """A mask to compute: all but what the stack's own sample will tell."""

    scorer: StackScorer
    """Of the scenes that are read, on the device to compute on."""
    spare: StackScorer
    """The same on the CPU."""
    layers: Sequence[Layer]
    """What is computed; in an update, of some dates only."""
    written: Sequence[Layer]
    """The same of all dates."""
    marks: Sequence[Mark]
    """Of all scenes."""
    plan: Plan
    tiling: Tiling
    facts: Mapping[str, str]
    config: MaskConfig
    earlier: Earlier | None = None
    """A mask whose calibration serves again."""
    update: Update | None = None

    def to_compute(self) -> Iterable[Window]:
        """Windows to compute: none where every date is taken from an earlier mask."""
        return self.tiling if self.update is None or self.update.computed.any() else []

    @property
    def layer_bytes(self) -> int:
        """Of all rasters, uncompressed."""
        height, width = self.tiling.shape
        return height * width * sum(layer.pixel_bytes for layer in self.written)

    @property
    def strip_bytes(self) -> int:
        """Of the planes along the sides of all windows."""
        (down, right), (height, width) = self.tiling.size, self.tiling.shape
        pixels = 2 * DEEP * (ceil(height / down) * width + ceil(width / right) * height)
        return 4 * planes_needed(self.layers) * len(self.scorer.stack.scenes) * pixels

    def warnings(self, resources: Resources, *, alone: bool) -> list[str]:
        """Say where memory makes it slow; `alone` without a cluster, whose threads are its own."""
        threads = self._fewer_threads(resources.threads) if alone else []
        return [*threads, *([] if resources.tile else self._again())]

    def _fewer_threads(self, wanted: int) -> list[str]:
        if self.plan.threads == wanted:
            return []
        return [
            f"The memory allowed suffices for {self.plan.threads} of {wanted} threads; "
            "a larger --max-memory lets more of them work."
        ]

    def _again(self) -> list[str]:
        block, shape = self.scorer.stack.block(self.scorer.bands), self.tiling.shape
        decodes = self.plan.decodes(block, shape)
        if decodes == 1:
            return []
        return [
            f"The images' blocks of {block[1]} x {block[0]} pixels are too large for the memory "
            f"allowed: each is decoded {decodes} times. --max-memory "
            f"{ceil(self.plan.whole_bytes / 1e9)}GB would spare that."
        ]

    def engine(self, judge: Judge, clock: Clock) -> Engine:
        """Make what computes windows on the CPU, once it is known how to judge."""
        return Engine(
            scorer=self.spare,
            judge=judge,
            layers=self.layers,
            shape=self.tiling.shape,
            batch=self.plan.batch,
            clock=clock,
        )

    def fastest_engine(
        self, judge: Judge, clock: Clock, tell: Callable[[str], object]
    ) -> Engine | DeviceEngine:
        """Make what computes windows on the device."""
        engine = self.engine(judge, clock)
        if self.scorer.device.type == "cpu":
            return engine
        return DeviceEngine(engine=engine, scorer=self.scorer, tell=tell)


def plan_job(
    stack: Stack,
    files: MaskFiles,
    weights: Weights,
    config: MaskConfig,
    resources: Resources,
    *,
    device: torch.device,
    basis: Basis | None = None,
) -> MaskJob:
    """Choose the sizes of a run, and note all that decides its pixels."""
    bands = tuple(band for band in weights.model.config.bands if band in stack.bands)
    earlier = open_earlier(basis.path, weights, config, bands, level=stack.level) if basis else None
    marks = _marks(stack, bands, earlier)
    update = _update(stack, marks, earlier, config) if earlier and basis and basis.update else None
    whole, stack = stack, update.stack if update else stack
    spare = make_scorer(
        stack, weights, config.method, device=torch.device("cpu"), batch=resources.batch
    )
    scorer = spare
    if device.type != "cpu":
        scorer = make_scorer(stack, weights, config.method, device=device, batch=resources.batch)
    written = _layers(whole, files, weights, config, (spare, scorer))
    layers = [_cut(layer, update) for layer in written]
    plan = plan_mask(
        stack,
        scorer.bands,
        files,
        config,
        resources,
        heads=weights.model.config.heads,
        written=len(whole.scenes),
    )
    facts = run_facts(stack, weights, layers, options=asdict(config), window=plan.window)
    if basis:
        names = json.dumps([scene.name for scene in whole.scenes])
        facts |= {basis.option: file_state(basis.path), "the dates": names}
    tiling = Tiling(shape=stack.grid.shape, size=plan.window)
    return MaskJob(
        scorer=scorer,
        spare=spare,
        layers=layers,
        written=written,
        marks=marks,
        plan=plan,
        tiling=tiling,
        facts=facts,
        config=config,
        earlier=earlier,
        update=update,
    )


def keep(job: MaskJob, reader: WindowReader, early: HeadStart | None) -> Kept:
    """Read whole windows that the sample will be drawn from, if there is room for them.

    Args:
        job: to read for.
        reader: of its stack.
        early: the same windows, where their reading has begun before.
    """
    if job.earlier:
        return {}
    if early and (early.bands, early.tiling) == (job.scorer.bands, job.tiling):
        check_unchanged(job.scorer.stack, early.states)
        return early.wait()
    wait = begin_keeping(reader, job.tiling, most_bytes=job.plan.spare_bytes)
    # Half a second, in which nobody but the readers has anything to do.
    import_module("scipy.optimize")
    return wait()


def look(job: MaskJob, weights: Weights, kept: Kept) -> Journal:
    """Fit a judge to a sample, and return what is known then.

    Nothing is read where an earlier mask lends its judge.

    Args:
        job: whose stack to sample.
        weights: with what is known before any stack is seen.
        kept: windows read before; the sample is read anew where it is not in them.
    """
    if job.earlier:
        return _lent(job, job.earlier, weights)
    scorer = job.scorer

    def read(patches: Sequence[Window]) -> tuple[Any, Any]:
        found = kept_patches(scorer.stack, scorer.bands, kept, patches)
        return found or read_patches(scorer.stack, scorer.bands, patches)

    fit = fit_stack(scorer, weights, job.config, read)
    return _journal(job, fit.judge, _calibrated_on(fit.sample, scorer.stack), fit.notes)


@dataclass(frozen=True, kw_only=True)
class Fit:
    """What a stack's own sample told."""

    sample: StackSample
    judge: Judge
    notes: tuple[str, ...]
    """What a user should know, one sentence each."""


def fit_stack(scorer: StackScorer, weights: Weights, config: MaskConfig, read: Patches) -> Fit:
    """Draw a sample of a stack and fit a judge to it.

    Args:
        scorer: of the stack.
        weights: with what is known before any stack is seen.
        config: method and target.
        read: reads small windows.

    Raises:
        StackError: see `draw_sample`.
    """
    sample = draw_sample(scorer, read)
    dates = int(sample.answered.sum())
    judge = fit_judge(sample.evidence, weights.calibration, config.method, dates=dates)
    notes = (
        *band_notes(scorer, weights),
        *target_notes(scorer, config.method, config.target),
        *sample_notes(sample, scorer.stack),
        *clear_sky_notes(sample, judge),
    )
    return Fit(sample=sample, judge=judge, notes=notes)


def _lent(job: MaskJob, earlier: Earlier, weights: Weights) -> Journal:
    """What is known without a sample."""
    notes = (
        *band_notes(job.scorer, weights),
        *target_notes(job.scorer, job.config.method, job.config.target),
        *refit_notes(earlier, job.marks),
    )
    return _journal(job, earlier.judge, earlier.calibrated_on, notes)


def _journal(
    job: MaskJob, judge: Judge, calibrated_on: CalibratedOn, notes: Sequence[str]
) -> Journal:
    found = {"judge": asdict(judge), "calibrated_on": asdict(calibrated_on), "notes": notes}
    return Journal(facts=job.facts, found=json.loads(json.dumps(found)))


def _calibrated_on(sample: StackSample, stack: Stack) -> CalibratedOn:
    days = [
        scene.time.date().isoformat()
        for scene, own in zip(stack.scenes, sample.answered, strict=True)
        if own
    ]
    return CalibratedOn(dates=len(days), first=days[0], last=days[-1])


def _marks(stack: Stack, bands: Sequence[str], earlier: Earlier | None) -> tuple[Mark, ...]:
    marks = mark_scenes(stack, bands)
    return mark_fitted(marks, earlier.marks) if earlier else marks


def _update(stack: Stack, marks: Sequence[Mark], earlier: Earlier, config: MaskConfig) -> Update:
    check_updatable(earlier, stack.grid, config)
    return plan_update(stack, marks, earlier)


def _cut(layer: Layer, update: Update | None) -> Layer:
    """In an update, a layer of the dates that are computed."""
    return update.layer(layer) if update and isinstance(layer, JudgedLayer) else layer


def _layers(
    stack: Stack,
    files: MaskFiles,
    weights: Weights,
    config: MaskConfig,
    scorers: Sequence[StackScorer],
) -> list[Layer]:
    layers: list[Layer] = [
        probability_layer(files.probability, stack, target=config.target, dtype=config.dtype)
    ]
    if files.classes is not None:
        layers.append(class_layer(files.classes, stack))
    if files.reliability is not None:
        layers.append(reliability_layer(files.reliability, stack))
    for path, each in ((files.attention, False), (files.attention_heads, True)):
        if path is not None:
            attention = serve(stack, weights)
            layers.append(attention_layer(path, stack, attention, each_head=each))
    if files.clear_sky is not None:
        layers.append(_clear_sky(files.clear_sky, stack, scorers))
    return layers


def _clear_sky(folder: Path, stack: Stack, scorers: Sequence[StackScorer]) -> Layer:
    scores: dict[str, ClearSkyScore] = {}
    for scorer in scorers:
        assert isinstance(scorer.score, ClearSkyScore)  # `masking` refuses other methods
        scores[scorer.device.type] = scorer.score
    return clear_sky_layer(folder, stack, scorers[0].bands, scores)
