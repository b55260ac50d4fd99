"""How much of every date is cloudy, in zones."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from am4cm_cli.exporting.binaries import is_flagged
from am4cm_cli.exporting.copies import window_side
from am4cm_cli.exporting.zones import Zone, inside_zone
from am4cm_cli.progress import Track
from am4cm_cli.rasters.masks import MaskFile, is_valid, opened
from am4cm_cli.windows import overlap, tile_grid


@dataclass(frozen=True, kw_only=True)
class Tally:
    """Pixels of one zone, by date."""

    pixels: int
    """Of the grid."""
    observed: NDArray[np.int64]
    """(T,), with an answer."""
    cloudy: NDArray[np.int64]
    """(T,), of these, from the threshold on."""
    probability: NDArray[np.float64]
    """(T,), summed over those observed, each 0 to 1."""

    def __add__(self, other: "Tally") -> "Tally":
        """Pixels of both."""
        return Tally(
            pixels=self.pixels + other.pixels,
            observed=self.observed + other.observed,
            cloudy=self.cloudy + other.cloudy,
            probability=self.probability + other.probability,
        )

    @property
    def share(self) -> NDArray[np.float64]:
        """(T,) of what was observed that is cloudy, 0 to 1; NaN where nothing was."""
        return _ratio(self.cloudy, self.observed)

    @property
    def mean(self) -> NDArray[np.float64]:
        """(T,) mean probability, 0 to 1; NaN where nothing was observed."""
        return _ratio(self.probability, self.observed)


def tally_zones(
    mask: MaskFile, zones: Sequence[Zone], *, threshold: float, track: Track = iter
) -> list[Tally]:
    """Count every zone, window by window, each window read once.

    Args:
        mask: of probabilities.
        zones: to count; they may overlap.
        threshold: percent, from which on a pixel is cloudy.
        track: follows the windows.
    """
    tallies = [_nothing(len(mask.names)) for _ in zones]
    with opened(mask) as read:
        for window in track(list(tile_grid(mask.grid.shape, size=window_side(mask)))):
            here = [place for place, zone in enumerate(zones) if _meet(zone, window)]
            numbers = read(window=window) if here else np.empty(0)
            for place in here:
                tallies[place] += _tally(mask, zones[place], numbers, window, threshold)
    return tallies


def _meet(zone: Zone, window: Window) -> bool:
    return zone.window is not None and overlap(zone.window, window) is not None


def _tally(
    mask: MaskFile, zone: Zone, numbers: NDArray[Any], window: Window, threshold: float
) -> Tally:
    """Count a zone's pixels in a window that it meets, of (T, Y, X) numbers."""
    assert zone.window is not None
    met = overlap(zone.window, window)
    assert met is not None
    rows, cols = met[1]
    part = Window(
        window.col_off + cols.start,
        window.row_off + rows.start,
        cols.stop - cols.start,
        rows.stop - rows.start,
    )
    own = numbers[:, rows, cols][:, inside_zone(zone, mask.grid, part)]  # (T, P)
    valid = is_valid(mask, own)
    return Tally(
        pixels=own.shape[1],
        observed=valid.sum(axis=1),
        cloudy=is_flagged(mask, own, threshold).sum(axis=1),
        probability=own.sum(axis=1, where=valid, dtype=np.float64) / mask.full,
    )


def _nothing(dates: int) -> Tally:
    none = np.zeros(dates, np.int64)
    return Tally(pixels=0, observed=none, cloudy=none, probability=np.zeros(dates))


def _ratio(part: NDArray[Any], whole: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.where(whole > 0, part / np.maximum(whole, 1), np.nan)
