"""A trained model over a stack: one band of cloud probability per scene."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rasterio.windows import Window
from torch import Tensor

from am4cm_cli import __version__
from am4cm_cli.calibration import Mixture, cloud_probability, fit_mixture, loose_prior
from am4cm_cli.errors import OutputError, StackError
from am4cm_cli.progress import Track
from am4cm_cli.rasters.cache import bounded_cache
from am4cm_cli.rasters.cogs import create_cog
from am4cm_cli.rasters.reading import read_patches, read_window
from am4cm_cli.scores import Score, make_score
from am4cm_cli.sensors import PLAUSIBLE
from am4cm_cli.serving import serve
from am4cm_cli.stacks.stack import Stack
from am4cm_cli.weights import Weights
from am4cm_cli.windows import sample_rounds, tile_grid

FEWEST_DATES = 5
"""Below this a clear sky cannot be told from a cloudy one by comparing dates."""
NODATA = {"uint8": 255.0, "float32": float("nan")}
SAMPLE_SIDE = 16
"""Pixels along a sample window: 64 of these, read at once, fit into memory whatever the dates."""
SAMPLE_PIXELS = 4096
"""Pixels with enough dates that a sample should have; a thin swath takes several rounds."""
LARGEST_TILE = 256
WINDOW_BYTES = 256 * 2**20
"""Reflectance of one window in memory, whatever the number of dates."""
PIXEL_DATES = 2**20
"""Computed at a time: 64 MB for each array of 16 heads."""
HALF = {"uint8": 50, "float32": 0.5}
"""What is stored for an even chance."""


@dataclass(frozen=True, kw_only=True)
class MaskConfig:
    """How to compute and store a mask; only the method changes a probability."""

    method: str = "counterfactual"
    """One of `scores.METHODS`."""
    dtype: str = "uint8"
    """uint8: percent, 255 nodata. float32: 0 to 1, NaN nodata."""
    tile: int | None = None
    """Side in pixels of the windows that are read and written; see `tile_side` if None."""
    batch: int | None = None
    """Pixels computed at a time; PIXEL_DATES over the number of dates if None."""


@dataclass(frozen=True, kw_only=True)
class StackScorer:
    """A score over the windows of a stack."""

    stack: Stack
    bands: tuple[str, ...]
    """In the model's order."""
    score: Score
    device: torch.device
    batch: int

    def window(self, window: Window) -> Tensor:
        """Read and score a window: (T, Y, X) float32 on the device, NaN for no answer."""
        reflectance, valid = read_window(self.stack, self.bands, window)
        return self._score(reflectance, valid).reshape(valid.shape)

    def patches(self, windows: Sequence[Window]) -> tuple[Tensor, NDArray[np.bool_]]:
        """Read and score many small windows.

        Returns:
            (T, P) float32 scores on the device, NaN for no answer; (T, P) valid.

        Raises:
            StackError: the numbers cannot be reflectance.
        """
        reflectance, valid = read_patches(self.stack, self.bands, windows)
        _check_reflectance(self.stack, reflectance, valid)
        return self._score(reflectance, valid), valid

    def _score(self, reflectance: NDArray[np.float32], valid: NDArray[np.bool_]) -> Tensor:
        batches = zip(
            torch.from_numpy(reflectance).flatten(2).split(self.batch, dim=-1),
            torch.from_numpy(valid).flatten(1).split(self.batch, dim=-1),
            strict=True,
        )
        scores = [self.score(x.to(self.device), seen.to(self.device)) for x, seen in batches]
        return torch.cat(scores, dim=-1)


@dataclass(frozen=True, kw_only=True)
class ScoreSample:
    """What a sample of pixels, which depends on the grid alone, tells of a stack."""

    scores: NDArray[np.float32]
    """(N,) finite."""
    answered: NDArray[np.bool_]
    """(T,) dates with a score anywhere in the sample."""
    isolated: tuple[str, ...]
    """Names of scenes that were observed but have no other date near enough to compare with."""


@dataclass(frozen=True, kw_only=True)
class MaskSummary:
    """What was written."""

    dates: int
    answered: int
    """Pixel-dates with a probability."""
    cloudy: int
    """Of these, with at least 50 %."""
    notes: tuple[str, ...]
    """What a user should know, one sentence each."""


def mask_stack(
    stack: Stack,
    out: Path,
    weights: Weights,
    config: MaskConfig,
    *,
    device: torch.device,
    track: Track = iter,
) -> MaskSummary:
    """Write the cloud probability of every scene of a stack; nothing appears if it fails.

    Raises:
        StackError: fewer than FEWEST_DATES scenes can be compared, or a file cannot be read.
        WeightsError: the stack lacks bands that the weights cannot do without.
        OutputError: out cannot be written.
    """
    _check_not_an_input(stack, out)
    scorer = make_scorer(stack, weights, config, device=device)
    with bounded_cache():
        sample = draw_sample(scorer)
        mixture = calibrate(sample, weights, config.method)
        answered, cloudy = _write(
            scorer, mixture, out, _tags(weights, config, mixture), config, track
        )
    notes = (*_band_notes(scorer, weights), *_isolated_notes(sample))
    return MaskSummary(dates=len(stack.scenes), answered=answered, cloudy=cloudy, notes=notes)


def _write(
    scorer: StackScorer,
    mixture: Mixture,
    out: Path,
    tags: Mapping[str, str],
    config: MaskConfig,
    track: Track,
) -> tuple[int, int]:
    """Write the raster window by window, and count pixel-dates answered and cloudy."""
    stack = scorer.stack
    answered = cloudy = 0
    with create_cog(
        out,
        grid=stack.grid,
        dtype=config.dtype,
        nodata=NODATA[config.dtype],
        names=[scene.name for scene in stack.scenes],
        tags=tags,
    ) as raster:
        side = config.tile or tile_side(len(stack.scenes), len(scorer.bands))
        for window in track(list(tile_grid(stack.grid.shape, size=side))):
            # On the CPU, for Apple's devices lack the logarithm of the normal distribution.
            probability = cloud_probability(scorer.window(window).cpu(), mixture).numpy()
            stored = encode(probability, config.dtype)
            raster.write(stored, window)
            finite = np.isfinite(probability)
            answered += int(finite.sum())
            cloudy += int((stored >= HALF[config.dtype]).sum(where=finite))
    return answered, cloudy


def make_scorer(
    stack: Stack, weights: Weights, config: MaskConfig, *, device: torch.device
) -> StackScorer:
    """Fold the model and fit it to the stack's bands and days."""
    attention = serve(stack, weights).to(device, torch.float32)
    logit_sd = torch.tensor(weights.calibration.logit_sd)
    score = make_score(config.method, attention, logit_sd, stack.days)
    batch = config.batch or max(1, PIXEL_DATES // len(stack.scenes))
    return StackScorer(stack=stack, bands=attention.bands, score=score, device=device, batch=batch)


def tile_side(dates: int, bands: int) -> int:
    """The side of a window whose reflectance takes at most WINDOW_BYTES as float32."""
    side = int((WINDOW_BYTES / (4 * dates * bands)) ** 0.5)
    return max(16, min(LARGEST_TILE, side - side % 16))


def draw_sample(scorer: StackScorer) -> ScoreSample:
    """Score sample windows of a stack, the same ones whatever the tiling.

    Where little was observed, as in a thin swath, further rounds of windows are read.

    Raises:
        StackError: fewer than FEWEST_DATES scenes can be compared.
    """
    parts, pixels = [], 0
    observed, answered = (np.zeros(len(scorer.stack.scenes), np.bool_) for _ in range(2))
    for windows in sample_rounds(scorer.stack.grid.shape, side=SAMPLE_SIDE):
        on_device, valid = scorer.patches(windows)
        scores = on_device.cpu().numpy()
        finite = np.isfinite(scores)
        parts.append(scores[finite])
        observed |= valid.any(axis=1)
        answered |= finite.any(axis=1)
        pixels += int((finite.sum(axis=0) >= FEWEST_DATES).sum())
        if pixels >= SAMPLE_PIXELS:
            break
    _check_dates(scorer.stack, observed, answered)
    lone = observed & ~answered
    names = (scene.name for scene, alone in zip(scorer.stack.scenes, lone, strict=True) if alone)
    return ScoreSample(scores=np.concatenate(parts), answered=answered, isolated=tuple(names))


def calibrate(sample: ScoreSample, weights: Weights, method: str) -> Mixture:
    """Fit clear and cloudy scores to a stack's own, without labels."""
    counterfactual = method == "counterfactual"
    prior = weights.calibration.prior if counterfactual else loose_prior(sample.scores)
    return fit_mixture(sample.scores, dates=int(sample.answered.sum()), prior=prior)


def encode(probability: NDArray[np.float32], dtype: str) -> NDArray[Any]:
    """Turn probabilities, NaN for none, into what a raster of this dtype stores."""
    if dtype == "float32":
        return probability
    percent = np.rint(probability * 100)
    return np.where(np.isnan(percent), NODATA["uint8"], percent).astype(np.uint8)


def _check_not_an_input(stack: Stack, out: Path) -> None:
    files = {file.path.resolve() for scene in stack.scenes for file in scene.bands.values()}
    if out.resolve() in files:
        raise OutputError(f"{out}: is one of the images to be masked; choose another name.")


def _check_reflectance(
    stack: Stack, reflectance: NDArray[np.float32], valid: NDArray[np.bool_]
) -> None:
    # Not valid is 0, so that sums over all are sums over the valid.
    means = reflectance.sum(axis=(0, 2), dtype=np.float64) / max(int(valid.sum()), 1)
    darkest, brightest = PLAUSIBLE
    if valid.any() and not darkest <= means.max() <= brightest:
        raise StackError(
            f"{stack.source}: mean reflectance of {means.max():.4g}; expected {darkest} to "
            f"{brightest:g}. Tell how numbers become reflectance, for example with --scale 0.0001."
        )


def _check_dates(stack: Stack, observed: NDArray[np.bool_], answered: NDArray[np.bool_]) -> None:
    if answered.sum() < FEWEST_DATES:
        raise StackError(
            f"{stack.source}: {len(stack.scenes)} scenes, {observed.sum()} with observations, "
            f"{answered.sum()} of them near enough to another in time; expected at least "
            f"{FEWEST_DATES}, since clouds are told by comparing dates. Add scenes of the weeks "
            "before and after."
        )


def _band_notes(scorer: StackScorer, weights: Weights) -> list[str]:
    missing = [band for band in weights.model.config.bands if band not in scorer.bands]
    if not missing:
        return []
    return [f"The stack has no {', '.join(missing)}; the mask rests on {', '.join(scorer.bands)}."]


def _isolated_notes(sample: ScoreSample) -> list[str]:
    if not sample.isolated:
        return []
    return [
        f"No date near enough to compare with, so written as nodata: {', '.join(sample.isolated)}."
    ]


def _tags(weights: Weights, config: MaskConfig, mixture: Mixture) -> dict[str, str]:
    return {
        "AM4CM_VERSION": __version__,
        "AM4CM_METHOD": config.method,
        "AM4CM_WEIGHTS": weights.name,
        "AM4CM_WEIGHTS_SHA256": weights.sha256,
        "AM4CM_CALIBRATION": json.dumps(asdict(mixture)),
    }
