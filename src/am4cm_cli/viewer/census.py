"""What every pixel of a mask adds up to: clouds by date, and maps over all dates."""

from dataclasses import dataclass
from math import isqrt

import numpy as np
from numpy.typing import NDArray

from am4cm_cli.progress import Track
from am4cm_cli.rasters.cache import bounded_cache
from am4cm_cli.rasters.masks import MaskFile, is_valid, opened
from am4cm_cli.viewer.gaps import longest_gaps
from am4cm_cli.viewer.mosaics import Mosaic
from am4cm_cli.windows import tile_grid

THRESHOLD = 0.5
"""Probability from which on a pixel is masked."""
WINDOW_PIXELS = 2**26
"""Pixel-dates held at a time."""
LARGEST_TILE, SMALLEST_TILE = 512, 32
UNSEEN = -1
"""On a map, where no pixel was ever observed."""


@dataclass(frozen=True, kw_only=True)
class Census:
    """Counts over all pixels of a mask.

    A pixel of a map that stands for several of the grid shows the worst of those that were ever
    observed: the longest gap, the fewest clear observations, 1 if any is always masked.
    """

    pixels: int
    """Of the grid."""
    valid: NDArray[np.int64]
    """(T,) pixels with an answer."""
    masked: NDArray[np.int64]
    """(T,) those of them at THRESHOLD or above."""
    longest_gap: NDArray[np.int64]
    """(Y, X) days, see `gaps`; UNSEEN where nothing was observed."""
    clear_count: NDArray[np.int64]
    """(Y, X) dates observed and not masked; UNSEEN where nothing was observed."""
    always_masked: NDArray[np.int64]
    """(Y, X) 1 where masked on every date observed; UNSEEN where nothing was observed."""
    observed: int
    """Pixels observed on any date."""
    never_clear: int
    """Those of them that are always masked."""

    @property
    def cloud_share(self) -> NDArray[np.float64]:
        """(T,) of the valid pixels; NaN where there are none."""
        return np.where(self.valid > 0, self.masked / np.maximum(self.valid, 1), np.nan)


def take_census(
    mask: MaskFile, days: NDArray[np.int64], shape: tuple[int, int], *, track: Track = iter
) -> Census:
    """Count a mask window by window.

    Args:
        mask: to count.
        days: (T,) of its bands, since 1970-01-01.
        shape: (Y, X) of the maps.
        track: to follow the windows.
    """
    whole = mask.grid.shape
    longest = Mosaic(shape, whole, np.maximum, UNSEEN)
    fewest = Mosaic(shape, whole, np.minimum, len(days) + 1)
    always = Mosaic(shape, whole, np.maximum, UNSEEN)
    sums = np.zeros((2, len(days)), np.int64)
    observed = never_clear = 0
    windows = list(tile_grid(whole, size=_tile(len(days))))
    with bounded_cache(), opened(mask) as read:
        for window in track(windows):
            numbers = read(window=window)
            valid = is_valid(mask, numbers)
            clear = valid & (numbers < THRESHOLD * mask.full)
            sums += valid.sum((1, 2)), (valid & ~clear).sum((1, 2))
            seen, count = valid.any(0), clear.sum(0)
            longest.add(window, np.where(seen, longest_gaps(clear, days), UNSEEN))
            fewest.add(window, np.where(seen, count, len(days) + 1))
            always.add(window, np.where(seen, count == 0, UNSEEN))
            observed += int(seen.sum())
            never_clear += int((seen & (count == 0)).sum())
    return Census(
        pixels=whole[0] * whole[1],
        valid=sums[0],
        masked=sums[1],
        longest_gap=longest.values,
        clear_count=np.where(longest.values == UNSEEN, UNSEEN, fewest.values),
        always_masked=always.values,
        observed=observed,
        never_clear=never_clear,
    )


def _tile(dates: int) -> int:
    """Pixels along a window of so many dates, a power of two as the blocks of files mostly are."""
    side = 1 << (isqrt(WINDOW_PIXELS // dates).bit_length() - 1) if dates <= WINDOW_PIXELS else 1
    return min(LARGEST_TILE, max(SMALLEST_TILE, side))
