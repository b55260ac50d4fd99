"""A trained model over a stack: one band of probability per scene, and what else is asked for."""

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from am4cm_cli import __version__
from am4cm_cli.answers import judge_window
from am4cm_cli.errors import OutputError
from am4cm_cli.files import appear_together
from am4cm_cli.judgement import JointJudge, Judge, fit_judge
from am4cm_cli.layers import (
    NODATA,
    Layer,
    attention_layer,
    class_layer,
    probability_layer,
    reliability_layer,
)
from am4cm_cli.levels import level_notes
from am4cm_cli.progress import Track
from am4cm_cli.rasters.cache import bounded_cache
from am4cm_cli.rasters.cogs import create_cog
from am4cm_cli.rasters.styles import class_style
from am4cm_cli.scores.residuals import NIR
from am4cm_cli.scoring import StackSample, StackScorer, draw_sample, make_scorer
from am4cm_cli.serving import serve
from am4cm_cli.stacks.stack import Stack
from am4cm_cli.weights import Weights
from am4cm_cli.windows import tile_grid

LARGEST_TILE = 256
WINDOW_BYTES = 256 * 2**20
"""Reflectance of one window in memory, whatever the number of dates."""
HALF = {"uint8": 50, "float32": 0.5}
"""What is stored for an even chance."""
MOST_CLOUD = 0.85
"""Of a sample, by the fit; beyond, what is called clear may only be less cloudy than the rest."""
BRIGHTEST_GROUND = 0.25
"""Blue reflectance; ground without snow is darker, but for some deserts and salt lakes."""


@dataclass(frozen=True, kw_only=True)
class MaskConfig:
    """How to compute and store a mask; only the method and the target change a probability."""

    method: str = "counterfactual"
    """One of `scores.METHODS`."""
    target: str = "cloud"
    """One of `classes.TARGETS`."""
    dtype: str = "uint8"
    """uint8: percent, 255 nodata. float32: 0 to 1, NaN nodata."""
    tile: int | None = None
    """Side in pixels of the windows that are read and written; see `tile_side` if None."""
    batch: int | None = None
    """Pixels computed at a time; see `make_scorer`."""


@dataclass(frozen=True, kw_only=True)
class MaskFiles:
    """Rasters to write, all on the stack's grid; None for those not asked for."""

    probability: Path
    classes: Path | None = None
    reliability: Path | None = None
    attention: Path | None = None
    """The mean over heads."""
    attention_heads: Path | None = None
    """Each head by itself."""

    @property
    def rasters(self) -> list[Path]:
        """Those that are asked for."""
        return [path for path in vars(self).values() if path is not None]

    @property
    def styles(self) -> list[Path]:
        """What tells QGIS how to draw them."""
        return [] if self.classes is None else [Path(f"{self.classes.with_suffix('')}.qml")]


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
    *,
    device: torch.device,
    track: Track = iter,
) -> MaskSummary:
    """Write the probability of every scene of a stack; nothing appears if it fails.

    Raises:
        StackError: too few scenes can be compared, or a file cannot be read.
        WeightsError: the stack lacks bands that the weights cannot do without.
        OutputError: a raster cannot be written, or the method cannot tell what it asks for.
    """
    _check_outputs(stack, files)
    if files.classes is not None and config.method != "counterfactual":
        raise OutputError(
            f"{files.classes}: the method {config.method} cannot tell shadows from clouds; "
            "classes need --method counterfactual."
        )
    scorer = make_scorer(stack, weights, config.method, device=device, batch=config.batch)
    with bounded_cache():
        sample = draw_sample(scorer)
        judge = fit_judge(
            sample.evidence, weights.calibration, config.method, dates=int(sample.answered.sum())
        )
        layers = _layers(stack, files, weights, config)
        tags = _tags(weights, config, judge)
        with appear_together([*files.rasters, *files.styles]) as parts:
            answered, flagged = _write(scorer, judge, layers, parts, tags, config, track)
            for style in parts[len(layers) :]:
                style.write_text(class_style(), encoding="utf-8")
    notes = (
        *_band_notes(scorer, weights),
        *_target_notes(scorer, config),
        *_sample_notes(sample, stack),
        *_clear_sky_notes(sample, judge),
    )
    return MaskSummary(dates=len(stack.scenes), answered=answered, flagged=flagged, notes=notes)


def tile_side(dates: int, bands: int) -> int:
    """The side of a window whose reflectance takes at most WINDOW_BYTES as float32."""
    side = int((WINDOW_BYTES / (4 * dates * bands)) ** 0.5)
    return max(16, min(LARGEST_TILE, side - side % 16))


def _layers(stack: Stack, files: MaskFiles, weights: Weights, config: MaskConfig) -> list[Layer]:
    layers = [probability_layer(files.probability, stack, target=config.target, dtype=config.dtype)]
    if files.classes is not None:
        layers.append(class_layer(files.classes, stack))
    if files.reliability is not None:
        layers.append(reliability_layer(files.reliability, stack))
    for path, each in ((files.attention, False), (files.attention_heads, True)):
        if path is not None:
            attention = serve(stack, weights)
            layers.append(attention_layer(path, stack, attention, each_head=each))
    return layers


def _write(
    scorer: StackScorer,
    judge: Judge,
    layers: Sequence[Layer],
    parts: Sequence[Path],
    tags: Mapping[str, str],
    config: MaskConfig,
    track: Track,
) -> tuple[int, int]:
    """Write the rasters window by window, and count pixel-dates answered and flagged.

    The first layer is that of the probability.
    """
    grid = scorer.stack.grid
    side = config.tile or tile_side(len(scorer.stack.scenes), len(scorer.bands))
    answered = flagged = 0
    with ExitStack() as open_rasters:
        rasters = [
            open_rasters.enter_context(
                create_cog(
                    part,
                    shown=layer.path,
                    grid=grid,
                    dtype=layer.dtype,
                    nodata=NODATA[layer.dtype],
                    names=layer.names,
                    tags={**tags, "AM4CM_CONTENT": layer.content},
                    overview=layer.overview,
                )
            )
            for layer, part in zip(layers, parts, strict=False)
        ]
        for window in track(list(tile_grid(grid.shape, size=side))):
            answer = judge_window(scorer, judge, window)
            encoded = [layer.encode(answer) for layer in layers]
            for array, raster in zip(encoded, rasters, strict=True):
                raster.write(array, window)
            known = np.isfinite(answer.judgement.probability(config.target).numpy())
            answered += int(known.sum())
            flagged += int((encoded[0] >= HALF[config.dtype]).sum(where=known))
    return answered, flagged


def _check_outputs(stack: Stack, files: MaskFiles) -> None:
    images = {file.path.resolve() for scene in stack.scenes for file in scene.bands.values()}
    paths = [*files.rasters, *files.styles]
    outputs = [path.resolve() for path in paths]
    for path, found in zip(paths, outputs, strict=True):
        if found in images:
            raise OutputError(f"{path}: is one of the images to be masked; choose another name.")
        if outputs.count(found) > 1:
            raise OutputError(f"{path}: is named for two outputs; give each a name of its own.")


def _band_notes(scorer: StackScorer, weights: Weights) -> list[str]:
    missing = [band for band in weights.model.config.bands if band not in scorer.bands]
    if not missing:
        return []
    return [f"The stack has no {', '.join(missing)}; the mask rests on {', '.join(scorer.bands)}."]


def _target_notes(scorer: StackScorer, config: MaskConfig) -> list[str]:
    """Say where shadows cannot be told, or not well."""
    if config.target == "cloud":
        return []
    if config.method != "counterfactual":
        return [f"The method {config.method} knows no shadows: cloud stands for unusable."]
    if not set(NIR) & set(scorer.bands):
        return ["The stack has no near infrared: shadows cannot be told."]
    if not {"B11", "B12"} & set(scorer.bands):
        return ["The stack has no short-wave infrared: shadows are told less well."]
    return []


def _sample_notes(sample: StackSample, stack: Stack) -> list[str]:
    notes = list(level_notes(sample.levels, [scene.name for scene in stack.scenes]))
    if sample.isolated:
        notes.append(
            "No date near enough to compare with, so written as nodata: "
            f"{', '.join(sample.isolated)}."
        )
    return notes


def _clear_sky_notes(sample: StackSample, judge: Judge) -> list[str]:
    """Warn where there may be nothing clear to compare with."""
    advice = "there may be no clear sky to compare with, so don't rely on dates that are called "
    advice += "clear; add clearer dates."
    share = judge.unusable.cloud_share if isinstance(judge, JointJudge) else 0.0
    if sample.clear_blue > BRIGHTEST_GROUND:
        return [
            f"Even at its clearest this stack is bright (blue reflectance {sample.clear_blue:.2f}, "
            f"where ground seldom exceeds {BRIGHTEST_GROUND}): {advice}"
        ]
    if share > MOST_CLOUD:
        return [f"By its own sample {share:.0%} of this stack is cloud or shadow: {advice}"]
    return []


def _tags(weights: Weights, config: MaskConfig, judge: Judge) -> dict[str, str]:
    return {
        "AM4CM_VERSION": __version__,
        "AM4CM_METHOD": config.method,
        "AM4CM_TARGET": config.target,
        "AM4CM_WEIGHTS": weights.name,
        "AM4CM_WEIGHTS_SHA256": weights.sha256,
        "AM4CM_CALIBRATION": json.dumps(asdict(judge)),
    }
