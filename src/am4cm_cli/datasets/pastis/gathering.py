"""Pixels of a patch turned from images into series: the costly step of preparing PASTIS."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

LANES = 8
"""Rows that travel together: 8 numbers of 2 bytes are the widest that NumPy moves at once."""
BLOCK = 512
"""Pixels at a time, so that a block of all dates stays in the cache."""
FEW = 4
"""With less than one pixel in so many, choose them before anything else is done."""


def gather_series(
    images: NDArray[np.int16], pixels: NDArray[np.integer]
) -> Iterator[NDArray[np.int16]]:
    """Yield the series of some pixels one after the other, a block at a time.

    A plain transposition moves 2 bytes at a time, which costs three times as much: here 8 rows are
    interleaved first, and then 16 bytes move at a time.

    Args:
        images: (R, P) stored numbers, one row per date and band; need not be in memory.
        pixels: (N,) places in a row, ascending.

    Yields:
        (n, R) in C order, N together; overwritten once the next is asked for.
    """
    if len(pixels) * FEW < images.shape[1]:
        images, pixels = images.take(pixels, axis=1), np.arange(len(pixels))
    rows, width = images.shape
    whole = rows - rows % LANES
    mixed = np.empty((whole // LANES, BLOCK, LANES), np.int16)
    series = np.empty((BLOCK, rows), np.int16)
    lanes = _lanes_of(series)
    for start in range(0, width, BLOCK):
        block = images[:, start : start + BLOCK]
        first, last = np.searchsorted(pixels, [start, start + BLOCK])
        chosen = pixels[first:last] - start
        if len(chosen):
            lanes[: len(chosen)] = _interleave(block[:whole], mixed).take(chosen, axis=1).T
            series[: len(chosen), whole:] = block[whole:].take(chosen, axis=1).T
            yield series[: len(chosen)]


def _interleave(rows: NDArray[np.int16], mixed: NDArray[np.int16]) -> NDArray[np.void]:
    """Put rows side by side, LANES at a time: (R, P) to (R / LANES, P) lanes, kept in `mixed`."""
    width = rows.shape[1]
    for lane in range(LANES):
        mixed[:, :width, lane] = rows[lane::LANES]
    return _lanes_of(mixed)[:, :width, 0]


def _lanes_of(numbers: NDArray[np.int16]) -> NDArray[np.void]:
    """See each row as lanes of LANES numbers, without a copy; what is left at its end is unseen."""
    # Not .view(): a row need not be a whole number of lanes.
    shape = (*numbers.shape[:-1], numbers.shape[-1] // LANES)
    strides = (*numbers.strides[:-1], LANES * numbers.itemsize)
    return np.ndarray(shape, f"V{LANES * numbers.itemsize}", numbers, strides=strides)
