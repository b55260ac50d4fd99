"""What a picture of a mask shows, in as few pixels as it needs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from am4cm_cli.errors import StackError
from am4cm_cli.progress import Track
from am4cm_cli.rasters.masks import MaskFile, read_probability
from am4cm_cli.rasters.reading import read_preview
from am4cm_cli.stacks.grids import describe, same_grid
from am4cm_cli.stacks.headers import quiet
from am4cm_cli.stacks.stack import Scene, Stack

TRUE_COLOUR = ("B04", "B03", "B02")
SURVEY_SIDE = 128
"""Most pixels a side at which all dates are looked through."""
PANEL_SIDE = 320
"""Most pixels a side of a panel."""


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One date as shown."""

    name: str
    colour: NDArray[np.float32]
    """(Y, X, 3) reflectance in red, green and blue, or one band three times; NaN if not valid."""
    probability: NDArray[np.float32]
    """(Y, X) 0 to 1, NaN where there is no answer."""


def survey(mask: MaskFile) -> NDArray[np.float64]:
    """(T,) share of cloud among the valid pixels of each date, NaN where there are none."""
    probability = read_probability(mask, small_shape(mask.grid.shape, SURVEY_SIDE))
    valid = (~np.isnan(probability)).sum(axis=(1, 2))
    cloud = (probability >= 0.5).sum(axis=(1, 2))
    return np.where(valid > 0, cloud / np.maximum(valid, 1), np.nan)


def matching_scenes(stack: Stack, mask: MaskFile) -> list[Scene]:
    """The scene of each band of a mask; StackError if the stack is not what it was made of."""
    by_name = {scene.name: scene for scene in stack.scenes}
    missing = [name for name in mask.names if name not in by_name]
    if missing:
        raise StackError(
            f"{mask.path}: has a band {missing[0]!r}, but {stack.source} has no such scene; "
            f"expected the stack that the mask was made of."
        )
    if not same_grid(mask.grid, stack.grid):
        raise StackError(
            f"{mask.path}: lies on another grid than {stack.source}. Found {describe(mask.grid)}; "
            f"expected {describe(stack.grid)}."
        )
    return [by_name[name] for name in mask.names]


def read_panels(
    stack: Stack,
    scenes: Sequence[Scene],
    mask: MaskFile,
    chosen: Sequence[int],
    *,
    track: Track = iter,
) -> list[Panel]:
    """Read some dates of a mask and the scenes they belong to.

    Args:
        stack: that the mask was made of.
        scenes: of all bands of the mask, in their order.
        mask: to show.
        chosen: indexes of the dates to show.
        track: follows the scenes.
    """
    shape = small_shape(stack.grid.shape, PANEL_SIDE)
    probabilities = read_probability(mask, shape, indexes=chosen)
    with quiet(stack.grid):
        colours = [_colour(stack, scenes[index], shape) for index in track(chosen)]
    return [
        Panel(name=mask.names[index], colour=colour, probability=probability)
        for index, colour, probability in zip(chosen, colours, probabilities, strict=True)
    ]


def _colour(stack: Stack, scene: Scene, shape: tuple[int, int]) -> NDArray[np.float32]:
    bands = stack.deciding_bands
    # All of these are read, since all of them decide what is valid.
    reflectance, valid = read_preview(scene, bands, stack.grid, shape)
    shown = TRUE_COLOUR if set(TRUE_COLOUR) <= set(bands) else (bands[0],) * 3
    colour = reflectance[[bands.index(band) for band in shown]]
    return np.where(valid, colour, np.float32(np.nan)).transpose(1, 2, 0)


def small_shape(shape: tuple[int, int], side: int) -> tuple[int, int]:
    """(Y, X) of a grid shown in at most so many pixels a side."""
    shrink = max(1.0, max(shape) / side)
    return max(1, round(shape[0] / shrink)), max(1, round(shape[1] / shrink))
