"""What every pixel of a mask adds up to: clouds by date, and maps over all dates."""

from dataclasses import dataclass
from math import log2

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

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
    counter = _Counter(mask.grid.shape, days, shape)
    windows = list(tile_grid(mask.grid.shape, size=_tile(len(days))))
    with bounded_cache(), opened(mask) as read:
        for window in track(windows):
            numbers = read(window=window)
            valid = is_valid(mask, numbers)
            counter.add(window, valid, valid & (numbers < THRESHOLD * mask.full))
    return counter.census()


class _Counter:
    """Sums over the windows that were counted."""

    def __init__(
        self, grid_shape: tuple[int, int], days: NDArray[np.int64], shape: tuple[int, int]
    ) -> None:
        self._pixels = grid_shape[0] * grid_shape[1]
        self._days = days
        self._most = len(days) + 1  # more than any count of dates
        self._longest = Mosaic(shape, grid_shape, np.maximum, UNSEEN)
        self._fewest = Mosaic(shape, grid_shape, np.minimum, self._most)
        self._always = Mosaic(shape, grid_shape, np.maximum, UNSEEN)
        self._valid = np.zeros(len(days), np.int64)
        self._masked = np.zeros(len(days), np.int64)
        self._observed = self._never_clear = 0

    def add(self, window: Window, valid: NDArray[np.bool_], clear: NDArray[np.bool_]) -> None:
        """Count (T, Y, X) of a window."""
        seen, count = valid.any(0), clear.sum(0)
        never = count == 0
        self._valid += valid.sum((1, 2))
        self._masked += (valid & ~clear).sum((1, 2))
        self._longest.add(window, np.where(seen, longest_gaps(clear, self._days), UNSEEN))
        self._fewest.add(window, np.where(seen, count, self._most))
        self._always.add(window, np.where(seen, never, UNSEEN))
        self._observed += int(seen.sum())
        self._never_clear += int((seen & never).sum())

    def census(self) -> Census:
        """What all windows add up to."""
        nowhere = self._longest.values == UNSEEN
        return Census(
            pixels=self._pixels,
            valid=self._valid,
            masked=self._masked,
            longest_gap=self._longest.values,
            clear_count=np.where(nowhere, UNSEEN, self._fewest.values),
            always_masked=self._always.values,
            observed=self._observed,
            never_clear=self._never_clear,
        )


def _tile(dates: int) -> int:
    """Pixels along a window of so many dates, a power of two as the blocks of files mostly are."""
    side = 1 << int(log2(WINDOW_PIXELS / dates) / 2)
    return min(LARGEST_TILE, max(SMALLEST_TILE, side))
