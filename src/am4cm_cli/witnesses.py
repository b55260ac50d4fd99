"""What pairs of dates say of each other's level, pixel by pixel.

A pair testifies where the same ground is seen twice: most of the pixel moves by the same amount in
every band, by 0 or by SHIFT. Clouds don't do so: they raise dark pixels more than bright ones, and
blue more than short-wave infrared.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SHIFT = 0.1
"""In reflectance: the offset of products of processing baseline 04.00 and later, but for its sign.
ESA, Sentinel-2 Products Specification Document 14.9, RADIO_ADD_OFFSET and BOA_ADD_OFFSET."""
RISES = (-1, 0, 1)
"""By how many times SHIFT one date may lie above another."""
REACH = 75
"""Days between two dates that may testify; beyond, the ground itself has changed."""
PIXELS = 500
"""Enough for medians; with all of a sample, long stacks would take minutes."""
FEWEST_PIXELS = 50
"""Seen on both dates."""
CLOSE = 0.03
"""In reflectance: mean over bands of what is left of a pixel's change, and its spread."""
LEAST_SHARE = 0.4
"""Of a pair's pixels that must be that close; ploughed and mown fields are not."""
CLOSE_BAND = 0.04
"""In reflectance: what is left of any band's change, in the median over pixels."""
LEAST_CONTRAST = 0.85
"""Of the ground on one date in that on the other, over those pixels and bands: haze lowers it."""
FLOOR = 1.5e-4
"""In reflectance: a number this low and not below 0 may have been cut off at 0."""


@dataclass(frozen=True, kw_only=True)
class Testimony:
    """What every pair of a stack's dates says."""

    asked: NDArray[np.bool_]
    """(T, T) pairs near enough in time, with enough pixels in common; symmetric."""
    share: NDArray[np.float64]
    """(T, T) pixels that agree, 0 to 1; 0 where the pair says nothing; symmetric."""
    rise: NDArray[np.int64]
    """(T, T) one of RISES: the first date's level above the second's; minus its own transpose."""


def hear_pairs(
    reflectance: NDArray[np.float32], valid: NDArray[np.bool_], days: NDArray[np.integer]
) -> Testimony:
    """Compare every date with those before it, at most REACH days.

    Args:
        reflectance: (T, B, P) of a sample of pixels, of which at most PIXELS are used.
        valid: (T, P).
        days: (T,) days since 1970-01-01, rising.
    """
    count = len(days)
    every = -(-valid.shape[1] // PIXELS)
    pixels, seen = reflectance[..., ::every], valid[:, ::every]
    asked = np.zeros((count, count), np.bool_)
    share, rise = np.zeros((count, count)), np.zeros((count, count), np.int64)
    for later in range(count):
        # Not those of the same day: a double of a cloudy scene shows the same cloud.
        first, end = np.searchsorted(days, [days[later] - REACH, days[later]])
        for earlier in range(first, end):
            both = seen[later] & seen[earlier]
            asked[later, earlier] = both.sum() >= FEWEST_PIXELS
            if asked[later, earlier]:
                heard = hear_pair(pixels[later][:, both], pixels[earlier][:, both])
                share[later, earlier], rise[later, earlier] = heard
    return Testimony(asked=asked | asked.T, share=share + share.T, rise=rise - rise.T)


def hear_pair(later: NDArray[np.float32], earlier: NDArray[np.float32]) -> tuple[float, int]:
    """Return the share and rise of two (B, P) views of the same pixels; (0, 0) for no answer."""
    return max(((_agreement(later, earlier, rise), rise) for rise in RISES), key=_by_share)


def _by_share(heard: tuple[float, int]) -> tuple[float, bool]:
    # No answer at all is 0 of each; it should read as no rise.
    return heard[0], heard[1] == 0


def _agreement(later: NDArray[np.float32], earlier: NDArray[np.float32], rise: int) -> float:
    """Share of the pixels that moved by `rise` times SHIFT; 0 where the pair doesn't say so."""
    left = _left_over(later, earlier, rise)
    close = (np.abs(left.mean(0)) < CLOSE) & (left.std(0) < CLOSE)
    share = float(close.mean())
    if share < LEAST_SHARE or np.abs(np.median(left, axis=1)).max() > CLOSE_BAND:
        return 0.0
    # What was cut off at 0 is as expected, so it takes no contrast away.
    expected = later - left
    low, high = sorted((later[:, close].std(), expected[:, close].std()))
    return share if low >= LEAST_CONTRAST * high else 0.0


def _left_over(
    later: NDArray[np.float32], earlier: NDArray[np.float32], rise: int
) -> NDArray[np.float32]:
    """What a rise leaves unexplained of the change, (B, P)."""
    left: NDArray[np.float32] = later - earlier - np.float32(rise * SHIFT)
    if rise:
        # Numbers without a sign end at 0: what was cut off there fits any level below.
        lower, sign = (later, -1) if rise < 0 else (earlier, 1)
        cut = (lower >= 0) & (lower <= FLOOR) & (sign * left < 0)
        left[cut] = 0
    return left
