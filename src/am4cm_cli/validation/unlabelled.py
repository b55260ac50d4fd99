"""What a mask shows of its own quality, where nobody knows the truth.

None of these measures is enough alone: a mask that keeps nothing is smooth, too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from am4cm_cli.errors import StackError
from am4cm_cli.progress import Track
from am4cm_cli.rasters.masks import MaskFile, read_numbers
from am4cm_cli.rasters.reading import read_patches
from am4cm_cli.stacks.stack import Stack
from am4cm_cli.validation.baselines import open_images
from am4cm_cli.validation.heads import Agreement, head_agreement
from am4cm_cli.validation.smoothness import Jumps, Residuals, jumps, residuals
from am4cm_cli.weights import Weights
from am4cm_cli.windows import WHOLE, sample_windows, tile_grid

BLUE, NIR = ("B02",), ("B08", "B8A")
SIDE = 16
PATCHES = 64
NEARLY_ALWAYS = 0.8
FEWEST = 5
"""Dates of a pixel below which its share of flagged ones says nothing."""


@dataclass(frozen=True, kw_only=True)
class Unlabelled:
    """Measures of a sample of pixels, the same ones every time."""

    dates: int
    pixels: int
    flagged: float
    """Share of observations with at least 50 %."""
    nearly_always: float
    """Share of pixels flagged on over NEARLY_ALWAYS of their dates; bright ground, if not 0."""
    jumps: Mapping[str, Jumps]
    """By band; see `smoothness.jumps`."""
    residuals: Mapping[str, Residuals]
    """By band; see `smoothness.residuals`."""
    heads: Agreement


def look(mask: MaskFile, stack: Stack, weights: Weights, *, track: Track = iter) -> Unlabelled:
    """Measure a mask by its images alone.

    Args:
        mask: whatever it was made by.
        stack: the images that it was made of.
        weights: whose heads are asked.
        track: to follow the bands.

    Raises:
        StackError: the stack is not the mask's, or has neither blue nor NIR.
        WeightsError: the weights cannot serve the stack's bands.
    """
    bands = _bands(stack)
    images = open_images(stack, bands, mask.grid, mask.names)
    windows = few_windows(mask.grid.shape)
    reflectance, valid = read_patches(stack, bands, windows)
    places = list(images.places)
    share = _probability(mask, windows)
    seen = valid[places] & ~np.isnan(share)
    kept = seen & (share < 0.5)
    days = stack.days[places]
    series = {band: reflectance[places, place] for place, band in enumerate(bands)}
    return Unlabelled(
        dates=len(mask.names),
        pixels=seen.shape[1],
        flagged=1 - float(kept.sum() / max(seen.sum(), 1)),
        nearly_always=nearly_always(seen, kept),
        jumps={band: jumps(one, seen, kept, days) for band, one in series.items()},
        residuals={band: residuals(one, seen, kept, days) for band, one in track(series.items())},
        heads=head_agreement(stack, weights, windows),
    )


def nearly_always(seen: NDArray[np.bool_], kept: NDArray[np.bool_]) -> float:
    """Share of pixels flagged on over NEARLY_ALWAYS of their dates.

    Args:
        seen: (T, P) observed and answered.
        kept: (T, P), those of them that are not flagged.

    Returns:
        Among pixels seen on at least FEWEST dates; NaN if there are none.
    """
    dates = seen.sum(axis=0)
    enough = dates >= FEWEST
    if not enough.any():
        return float("nan")
    flagged = (dates - kept.sum(axis=0))[enough] / dates[enough]
    return float((flagged > NEARLY_ALWAYS).mean())


def few_windows(shape: tuple[int, int]) -> list[Window]:
    """Spread at most PATCHES windows of SIDE pixels over a (Y, X) grid."""
    if max(shape) > WHOLE:
        return sample_windows(shape, side=SIDE)
    tiles = list(tile_grid(shape, size=SIDE))
    places = np.unique(np.linspace(0, len(tiles) - 1, PATCHES).round().astype(int))
    return [tiles[place] for place in places]


def _bands(stack: Stack) -> tuple[str, ...]:
    wanted = (next((band for band in names if band in stack.bands), None) for names in (BLUE, NIR))
    found = tuple(band for band in wanted if band)
    if not found:
        raise StackError(
            f"{stack.source}: has {', '.join(stack.bands)}; expected B02, B08 or B8A, by which a "
            "mask is judged without a reference. Name bands with --bands, or give a REFERENCE."
        )
    return found


def _probability(mask: MaskFile, windows: Sequence[Window]) -> NDArray[np.float64]:
    """(T, P), NaN for none."""
    parts = []
    for window in windows:
        numbers, valid = read_numbers(mask, window)
        share = np.where(valid, numbers / np.float64(mask.full), np.nan)
        parts.append(share.reshape(len(share), -1))
    return np.concatenate(parts, axis=1)
