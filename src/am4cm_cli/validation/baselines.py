"""What a mask must beat, on the same pixels: the blue band alone, and the attention as it is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from rasterio.windows import Window
from torch import Tensor

from am4cm_cli.answers import judge_window
from am4cm_cli.errors import StackError
from am4cm_cli.judgement import fit_judge
from am4cm_cli.rasters.reading import read_window
from am4cm_cli.scores import Observations, Score
from am4cm_cli.scoring import draw_sample, make_scorer
from am4cm_cli.serving import serve
from am4cm_cli.stacks.grids import describe, same_grid
from am4cm_cli.stacks.stack import Grid, Stack
from am4cm_cli.validation.bins import PROBABILITY, REFLECTANCE
from am4cm_cli.validation.matching import match
from am4cm_cli.validation.methods import Method
from am4cm_cli.weights import Weights

BLUE = "B02"
PLAIN, CONTROL, ATTENTION = "B02, best threshold", "blue control", "raw attention"
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


def baselines(stack: Stack, grid: Grid, names: Sequence[str], weights: Weights) -> list[Method]:
    """The methods that need images: `PLAIN`, `CONTROL` and `ATTENTION`.

    The control is the mask's own smoothing on minus the blue reflectance, with no network; both it
    and the attention are calibrated on the stack's own scores, and joined over 3 x 3 pixels, as a
    mask is.

    Args:
        stack: of the mask.
        grid: of the mask.
        names: of the dates compared.
        weights: whose attention is scored.

    Raises:
        StackError: the stack is not the mask's, or too few of its scenes can be compared.
        WeightsError: the weights cannot serve the stack's bands.
    """
    bands = serve(stack, weights).bands
    images = open_images(stack, bands, grid, names)
    raw = _judged(ATTENTION, "attention", images, weights)
    if BLUE not in bands:
        return [raw]
    return [_plain(images), _judged(CONTROL, "blue", images, weights), raw]


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
    found = [score(Observations.of_reflectance(x, seen)).squeeze(0) for x, seen in parts]
    return torch.cat(found, dim=-1)


def _plain(images: Images) -> Method:
    place = images.bands.index(BLUE)

    def read(window: Window) -> NDArray[np.floating]:
        reflectance, valid = images.read(window)
        blue = reflectance[:, place].masked_fill(~valid, torch.nan)
        return blue[list(images.places)].numpy()

    return Method(name=PLAIN, read=read, bins=REFLECTANCE, is_probability=False)


def _judged(name: str, method: str, images: Images, weights: Weights) -> Method:
    """A method of `scores.METHODS`, judged as the mask is: by its own sample, over 3 x 3 pixels."""
    scorer = make_scorer(images.stack, weights, method, device=torch.device("cpu"))
    sample = draw_sample(scorer)
    dates = int(sample.answered.sum())
    judge = fit_judge(sample.evidence, weights.calibration, method, dates=dates)

    def read(window: Window) -> NDArray[np.floating]:
        answer = judge_window(scorer, judge, window)
        return answer.judgement.cloud[list(images.places)].numpy()

    return Method(name=name, read=read, bins=PROBABILITY)
