"""Windows that cover a grid, and windows that sample it."""

from collections.abc import Iterator
from itertools import product

from rasterio.windows import Window

WHOLE = 128
"""A grid of at most this many pixels a side is sampled whole."""


def tile_grid(shape: tuple[int, int], *, size: int) -> Iterator[Window]:
    """Cover a (Y, X) grid with windows, row by row; those at the far edges are clipped."""
    height, width = shape
    for row in range(0, height, size):
        for col in range(0, width, size):
            yield Window(col, row, min(size, width - col), min(size, height - row))


def with_rim(window: Window, shape: tuple[int, int], *, rim: int) -> Window:
    """Widen a window by `rim` pixels on every side, as far as the (Y, X) grid goes."""
    rows, cols = (
        (max(0, start - rim), min(length, start + size + rim))
        for start, size, length in (
            (window.row_off, window.height, shape[0]),
            (window.col_off, window.width, shape[1]),
        )
    )
    return Window(cols[0], rows[0], cols[1] - cols[0], rows[1] - rows[0])


def inside(window: Window, wider: Window) -> tuple[slice, slice]:
    """Rows and columns of a window within a wider one that holds it."""
    row, col = window.row_off - wider.row_off, window.col_off - wider.col_off
    return slice(row, row + window.height), slice(col, col + window.width)


def sample_windows(shape: tuple[int, int], *, side: int = 32, per_axis: int = 8) -> list[Window]:
    """Spread patches evenly over a (Y, X) grid, from edge to edge; the same ones every time.

    Returns:
        Windows that don't overlap, at most `per_axis` along each axis; one that is the whole grid
        where that is small.
    """
    height, width = shape
    if max(shape) <= WHOLE:
        return [Window(0, 0, width, height)]
    rows = _starts(height, side, per_axis)
    cols = _starts(width, side, per_axis)
    size = min(side, width), min(side, height)
    return [Window(col, row, *size) for row in rows for col in cols]


def sample_rounds(
    shape: tuple[int, int], *, side: int, per_axis: int = 8
) -> Iterator[list[Window]]:
    """Yield rounds of patches spread evenly over a (Y, X) grid; the same ones every time.

    The first round is that of `sample_windows`; the patches of each later one lie between those
    before, until they stand four times as dense along each axis.
    """
    height, width = shape
    first = sample_windows(shape, side=side, per_axis=per_axis)
    yield first
    if max(shape) <= WHOLE:
        return
    for down, right in _between():
        rows = (window.row_off + round(down * height / per_axis) for window in first)
        cols = (window.col_off + round(right * width / per_axis) for window in first)
        yield [
            Window(min(col, width - window.width), min(row, height - window.height), *size)
            for row, col, window in zip(rows, cols, first, strict=True)
            for size in [(window.width, window.height)]
        ]


def _between() -> Iterator[tuple[float, float]]:
    """Shares of a step by which to shift a lattice: halves first, then quarters."""
    seen = {(0.0, 0.0)}
    for parts in (2, 4):
        for down, right in product(range(parts), repeat=2):
            shift = down / parts, right / parts
            if shift not in seen:
                seen.add(shift)
                yield shift


def _starts(length: int, side: int, count: int) -> list[int]:
    count = min(count, max(1, length // side))
    if count == 1:
        return [max(0, length - side) // 2]
    return [step * (length - side) // (count - 1) for step in range(count)]
