"""Pixels of a patch turned from images into series: the costly step of preparing PASTIS."""

import numpy as np
from numpy.typing import NDArray

LANES = 8
"""Rows that travel together: 8 numbers of 2 bytes are the widest that NumPy moves at once."""
BLOCK = 1024
"""Pixels at a time, so that a block of all dates stays in the cache."""
FEW = 4
"""With less than one pixel in so many, choose them before anything else is done."""


def gather_series(
    images: NDArray[np.int16], pixels: NDArray[np.integer], *, out: NDArray[np.int16]
) -> None:
    """Write the series of some pixels one after the other.

    A plain transposition moves 2 bytes at a time, which costs three times as much: here 8 rows are
    interleaved first, and then 16 bytes move at a time.

    Args:
        images: (R, P) stored numbers, one row per date and band; need not be in memory.
        pixels: (N,) places in a row, ascending.
        out: (N, R) to fill, in C order.
    """
    assert out.flags.c_contiguous
    if len(pixels) * FEW < images.shape[1]:
        images, pixels = images.take(pixels, axis=1), np.arange(len(pixels))
    rows, width = images.shape
    whole = rows - rows % LANES
    lanes = _lanes_of(out)
    for start in range(0, width, BLOCK):
        block = images[:, start : start + BLOCK]
        first, last = np.searchsorted(pixels, [start, start + BLOCK])
        chosen = pixels[first:last] - start
        if len(chosen):
            lanes[first:last] = _interleave(block[:whole]).take(chosen, axis=1).T
            out[first:last, whole:] = block[whole:].take(chosen, axis=1).T


def _interleave(rows: NDArray[np.int16]) -> NDArray[np.void]:
    """Put rows side by side, LANES at a time: (R, P) to (R / LANES, P) lanes."""
    count, width = rows.shape
    numbers = np.empty((count // LANES, width, LANES), np.int16)
    for lane in range(LANES):
        numbers[:, :, lane] = rows[lane::LANES]
    return _lanes_of(numbers)[:, :, 0]


def _lanes_of(numbers: NDArray[np.int16]) -> NDArray[np.void]:
    """See each row as lanes of LANES numbers, without a copy; what is left at its end is unseen."""
    # Not .view(): a row need not be a whole number of lanes.
    shape = (*numbers.shape[:-1], numbers.shape[-1] // LANES)
    strides = (*numbers.strides[:-1], LANES * numbers.itemsize)
    return np.ndarray(shape, f"V{LANES * numbers.itemsize}", numbers, strides=strides)
