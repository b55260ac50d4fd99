"""What a mask must beat, on the same pixels: the blue band alone, and the attention as it is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from rasterio.windows import Window
from torch import Tensor

from am4cm_cli.calibration import (
    Mixture,
    MixturePrior,
    cloud_probability,
    fit_mixture,
    loose_prior,
)
from am4cm_cli.errors import StackError
from am4cm_cli.rasters.reading import read_patches, read_window
from am4cm_cli.scores import Score, make_score
from am4cm_cli.serving import serve
from am4cm_cli.stacks.grids import describe, same_grid
from am4cm_cli.stacks.stack import Grid, Stack
from am4cm_cli.validation.bins import PROBABILITY, REFLECTANCE
from am4cm_cli.validation.matching import match
from am4cm_cli.validation.methods import Method, Read
from am4cm_cli.weights import Weights
from am4cm_cli.windows import sample_windows

BLUE = "B02"
PLAIN, CONTROL, ATTENTION = "B02, best threshold", "blue control", "raw attention"
SAMPLE_SIDE = 16
PIXEL_DATES = 2**20
"""Scored at a time."""


@dataclass(frozen=True, kw_only=True)
class Images:
    """A stack's reflectance at the dates compared."""

    stack: Stack
    bands: tuple[str, ...]
    places: tuple[int, ...]
    """Of the dates compared among the stack's scenes."""
    read: Callable[[Window], tuple[Tensor, Tensor]] = field(repr=False)
    """(T, B, Y, X) reflectance and (T, Y, X) valid of a window, of every scene of the stack."""

    def score(self, score: Score, window: Window) -> NDArray[np.float32]:
        """(T, Y, X) scores of a window at the dates compared, by all scenes."""
        reflectance, valid = self.read(window)
        found = in_batches(score, reflectance.flatten(2), valid.flatten(1)).reshape(valid.shape)
        return found[list(self.places)].numpy()


def baselines(stack: Stack, grid: Grid, names: Sequence[str], weights: Weights) -> list[Method]:
    """The methods that need images: `PLAIN`, `CONTROL` and `ATTENTION`.

    The control is the mask's own smoothing on minus the blue reflectance, with no network; both it
    and the attention are calibrated on the stack's own scores, as a mask is.

    Args:
        stack: of the mask.
        grid: of the mask.
        names: of the dates compared.
        weights: whose attention is scored.

    Raises:
        StackError: the stack is not the mask's.
        WeightsError: the weights cannot serve the stack's bands.
    """
    attention = serve(stack, weights).to(torch.device("cpu"), torch.float32)
    images = open_images(stack, attention.bands, grid, names)
    logit_sd = torch.tensor(weights.calibration.logit_sd)
    raw = make_score("attention", attention, logit_sd, stack.days)
    found = [_calibrated(ATTENTION, images, raw, None)]
    if BLUE not in attention.bands:
        return found
    control = make_score("blue", attention, logit_sd, stack.days)
    prior = weights.calibration.prior
    return [_plain(images), _calibrated(CONTROL, images, control, prior), *found]


def open_images(stack: Stack, bands: tuple[str, ...], grid: Grid, names: Sequence[str]) -> Images:
    """Check that a stack is a mask's, and read it window by window, the last one kept.

    Raises:
        StackError: it lies on another grid, or lacks some of these dates.
    """
    if not same_grid(stack.grid, grid):
        raise StackError(
            f"{stack.source}: lies on another grid than the mask. Found {describe(stack.grid)}; "
            f"expected {describe(grid)}. Give the images that the mask was made of."
        )
    scenes = [scene.name for scene in stack.scenes]
    found = match(names, scenes)
    if found.only_here:
        raise StackError(
            f"{stack.source}: has no {', '.join(found.only_here[:5])}, a date of the mask. Give "
            "the images that the mask was made of."
        )

    @lru_cache(maxsize=1)
    def read(window: Window) -> tuple[Tensor, Tensor]:
        reflectance, valid = read_window(stack, bands, window)
        return torch.from_numpy(reflectance), torch.from_numpy(valid)

    places = tuple(scenes.index(there) for _, there in found.pairs)
    return Images(stack=stack, bands=bands, places=places, read=read)


def in_batches(score: Score, reflectance: Tensor, valid: Tensor) -> Tensor:
    """Score (T, B, P) reflectance, (T, P) valid, some pixels at a time: (T, P).

    The score must be of one kind of evidence.
    """
    size = max(1, PIXEL_DATES // len(valid))
    parts = zip(reflectance.split(size, dim=-1), valid.split(size, dim=-1), strict=True)
    return torch.cat([score(x, seen).squeeze(0) for x, seen in parts], dim=-1)


def _plain(images: Images) -> Method:
    place = images.bands.index(BLUE)

    def read(window: Window) -> NDArray[np.floating]:
        reflectance, valid = images.read(window)
        blue = reflectance[:, place].masked_fill(~valid, torch.nan)
        return blue[list(images.places)].numpy()

    return Method(name=PLAIN, read=read, bins=REFLECTANCE, is_probability=False)


def _calibrated(name: str, images: Images, score: Score, prior: MixturePrior | None) -> Method:
    mixture = _fit(images, score, prior)
    return Method(name=name, read=_probability(images, score, mixture), bins=PROBABILITY)


def _probability(images: Images, score: Score, mixture: Mixture) -> Read:
    def read(window: Window) -> NDArray[np.floating]:
        # Doubles, or the likeliest would all be 1 alike.
        scores = torch.from_numpy(images.score(score, window)).double()
        return cloud_probability(scores, mixture).numpy()

    return read


def _fit(images: Images, score: Score, prior: MixturePrior | None) -> Mixture:
    windows = sample_windows(images.stack.grid.shape, side=SAMPLE_SIDE)
    reflectance, valid = read_patches(images.stack, images.bands, windows)
    scores = in_batches(score, torch.from_numpy(reflectance), torch.from_numpy(valid)).numpy()
    known = np.isfinite(scores)
    if not known.any():
        raise StackError(
            f"{images.stack.source}: no pixel of the sample has two dates to compare; add scenes."
        )
    dates = int(known.any(axis=1).sum())
    return fit_mixture(scores[known], dates=dates, prior=prior or loose_prior(scores[known]))
