"""A score over the windows of a stack, and what a sample of them tells of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rasterio.windows import Window
from torch import Tensor

from am4cm_cli.errors import StackError
from am4cm_cli.levels import StackLevels, find_levels
from am4cm_cli.rasters.reading import read_patches, read_window
from am4cm_cli.scores import Observations, Score, make_score
from am4cm_cli.scores.residuals import parts_of
from am4cm_cli.sensors import PLAUSIBLE
from am4cm_cli.serving import serve
from am4cm_cli.stacks.stack import Stack
from am4cm_cli.weights import Weights
from am4cm_cli.windows import sample_rounds

FEWEST_DATES = 5
"""Below this a clear sky cannot be told from a cloudy one by comparing dates."""
SAMPLE_PIXELS = 4096
"""Pixels with enough dates that a sample should have; a thin swath takes several rounds."""
PIXEL_DATES = 2**20
"""Computed at a time: 64 MB for each array of 16 heads."""


@dataclass(frozen=True, kw_only=True)
class StackScorer:
    """A score over the windows of a stack."""

    stack: Stack
    bands: tuple[str, ...]
    """In the model's order."""
    score: Score
    device: torch.device
    batch: int
    """Pixels computed at a time."""

    def window(self, window: Window) -> Tensor:
        """Read and score a window: (F, T, Y, X) float32 evidence on the CPU, NaN for no answer."""
        return self.evidence(*read_window(self.stack, self.bands, window))

    def evidence(self, reflectance: NDArray[np.float32], valid: NDArray[np.bool_]) -> Tensor:
        """Score (T, B, ...) reflectance and (T, ...) valid: (F, T, ...) float32 on the CPU."""
        batches = zip(
            torch.from_numpy(reflectance).flatten(2).split(self.batch, dim=-1),
            torch.from_numpy(valid).flatten(1).split(self.batch, dim=-1),
            strict=True,
        )
        parts = [self._score(x.to(self.device), seen.to(self.device)) for x, seen in batches]
        found = torch.cat(parts, dim=-1)
        return found.reshape(len(found), *valid.shape)

    def observe(self, dn: Tensor, valid: Tensor) -> Observations:
        """Take (T, B, P) stored numbers and (T, P) valid, on the device to compute on."""
        scale, offset = (torch.from_numpy(x).to(dn.device) for x in self.stack.scales(self.bands))
        return Observations(dn=dn, valid=valid, scale=scale, offset=offset)

    def _score(self, reflectance: Tensor, valid: Tensor) -> Tensor:
        return self.score(Observations.of_reflectance(reflectance, valid)).cpu()


@dataclass(frozen=True, kw_only=True)
class StackSample:
    """What a sample of pixels, which depends on the grid alone, tells of a stack."""

    evidence: Tensor
    """(F, T, N, Y, X) of N small windows, NaN for no answer."""
    answered: NDArray[np.bool_]
    """(T,) dates with an answer anywhere in the sample."""
    isolated: tuple[str, ...]
    """Names of scenes that were observed but have no other date near enough to compare with."""
    levels: StackLevels
    """Dates whose offset is in doubt."""
    clear_blue: float
    """Median of what B02 would be under a clear sky, in reflectance; NaN if not known."""


@dataclass(frozen=True, kw_only=True)
class _Round:
    """Sample windows read at once."""

    reflectance: NDArray[np.float32]
    """(T, B, P)"""
    valid: NDArray[np.bool_]
    """(T, P)"""
    evidence: Tensor
    """(F, T, N, Y, X)"""


def make_scorer(
    stack: Stack,
    weights: Weights,
    method: str,
    *,
    device: torch.device,
    batch: int | None = None,
) -> StackScorer:
    """Take the attention out of a model and fit it to the stack's bands and days.

    Args:
        stack: to score.
        weights: of the model.
        method: one of `scores.METHODS`.
        device: to compute on.
        batch: pixels computed at a time; PIXEL_DATES over the number of dates if None.

    Raises:
        WeightsError: the model cannot mask, or the stack lacks bands that it cannot do without.
    """
    attention = serve(stack, weights).to(device, torch.float32)
    logit_sd = torch.tensor(weights.calibration.logit_sd)
    return StackScorer(
        stack=stack,
        bands=attention.bands,
        score=make_score(method, attention, logit_sd, stack.days),
        device=device,
        batch=batch or max(1, PIXEL_DATES // len(stack.scenes)),
    )


Patches = Callable[[Sequence[Window]], tuple[NDArray[np.float32], NDArray[np.bool_]]]
"""Reads small windows as `read_patches` does."""


def draw_sample(scorer: StackScorer, read: Patches | None = None) -> StackSample:
    """Score sample windows of a stack, the same ones whatever the tiling.

    Where little was observed, as in a thin swath, further rounds of windows are read.

    Args:
        scorer: of the stack.
        read: reads small windows; from the stack's files if None.

    Raises:
        StackError: fewer than FEWEST_DATES scenes can be compared, or the numbers cannot be
            reflectance.
    """
    rounds: list[_Round] = []
    pixels = 0
    read = read or partial(read_patches, scorer.stack, scorer.bands)
    block = scorer.stack.block(scorer.bands)
    for windows in sample_rounds(scorer.stack.grid.shape, block=block):
        rounds.append(_read_round(scorer, read, windows))
        known = ~rounds[-1].evidence[0].flatten(1).isnan()
        pixels += int((known.sum(dim=0) >= FEWEST_DATES).sum())
        if pixels >= SAMPLE_PIXELS:
            break
    reflectance = _together([part.reflectance for part in rounds])
    valid = _together([part.valid for part in rounds])
    evidence = torch.cat([part.evidence for part in rounds], dim=2)
    answered = (~evidence[0].isnan()).flatten(1).any(dim=1).numpy()
    observed: NDArray[np.bool_] = np.any(valid, axis=1)
    _check_dates(scorer.stack, observed, answered)
    names = [scene.name for scene in scorer.stack.scenes]
    return StackSample(
        evidence=evidence,
        answered=answered,
        isolated=tuple(names[t] for t in np.flatnonzero(observed & ~answered)),
        levels=find_levels(reflectance, valid, scorer.stack.days),
        clear_blue=_clear_blue(rounds, scorer.bands),
    )


def _read_round(scorer: StackScorer, read: Patches, windows: Sequence[Window]) -> _Round:
    reflectance, valid = read(windows)
    _check_reflectance(scorer.stack, reflectance, valid)
    # All windows of a round have one size; those that show nothing would only take room.
    size = windows[0].height * windows[0].width
    shown = valid.reshape(len(valid), -1, size).any(axis=(0, 2))
    if not shown.all():
        kept = np.repeat(shown, size)
        reflectance, valid = reflectance[..., kept], valid[:, kept]
    shape = int(shown.sum()), windows[0].height, windows[0].width
    evidence = scorer.evidence(reflectance, valid).unflatten(-1, shape)
    return _Round(reflectance=reflectance, valid=valid, evidence=evidence)


def _together(arrays: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """One after the other along the last axis; not copied where there is one, mostly."""
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays, axis=-1)


def _clear_blue(rounds: Sequence[_Round], bands: tuple[str, ...]) -> float:
    """Of the joint evidence, whose second part is the blue above the clear sky."""
    blue, _, _ = parts_of(bands)
    if len(rounds[0].evidence) < 2 or bands[blue] != "B02":
        return float("nan")
    estimates = [part.reflectance[:, blue] - part.evidence[1].flatten(1).numpy() for part in rounds]
    estimate = np.concatenate(estimates, axis=-1)
    known = estimate[np.isfinite(estimate)]
    return float(np.median(known)) if len(known) else float("nan")


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
