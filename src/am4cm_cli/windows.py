"""Windows that cover a grid, and windows that sample it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import ceil

from rasterio.windows import Window

WHOLE = 128
"""A grid of at most this many pixels a side is sampled whole."""
SAMPLED_SHARE = 0.1
"""Of a grid's blocks a first round may touch, since all of a touched block is decoded."""
SAMPLED_PIXELS = 2**20
"""Of small grids, so many pixels may be decoded in any case."""
SAMPLE_SIDE = 16
"""Pixels along a sample window: 64 of these are read at once, 16,384 pixels of every date."""


def tile_grid(shape: tuple[int, int], *, size: int) -> Iterator[Window]:
    """Cover a (Y, X) grid with windows, row by row; those at the far edges are clipped."""
    height, width = shape
    for row in range(0, height, size):
        for col in range(0, width, size):
            yield Window(col, row, min(size, width - col), min(size, height - row))


@dataclass(frozen=True, kw_only=True)
class Tiling:
    """Windows that cover a grid once, row by row; those at the far edges are clipped."""

    shape: tuple[int, int]
    """(Y, X) of the grid."""
    size: tuple[int, int]
    """(Y, X) of a window."""

    def __iter__(self) -> Iterator[Window]:
        """Yield all windows."""
        for row in range(0, self.shape[0], self.size[0]):
            for col in range(0, self.shape[1], self.size[1]):
                yield self._window(row, col)

    def around(self, window: Window) -> list[Window]:
        """Return one of the windows, and those that touch it."""
        rows = range(
            window.row_off - self.size[0], window.row_off + window.height + 1, self.size[0]
        )
        cols = range(window.col_off - self.size[1], window.col_off + window.width + 1, self.size[1])
        down, right = (range(length) for length in self.shape)
        return [
            self._window(row, col) for row in rows for col in cols if row in down and col in right
        ]

    def _window(self, row: int, col: int) -> Window:
        height, width = (
            min(self.size[0], self.shape[0] - row),
            min(self.size[1], self.shape[1] - col),
        )
        return Window(col, row, width, height)


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


def overlap(
    window: Window, other: Window
) -> tuple[tuple[slice, slice], tuple[slice, slice]] | None:
    """Rows and columns, within each of two windows, that both have; None if they don't meet."""
    rows = _common(window.row_off, window.height, other.row_off, other.height)
    cols = _common(window.col_off, window.width, other.col_off, other.width)
    if rows is None or cols is None:
        return None
    return (rows[0], cols[0]), (rows[1], cols[1])


def common_part(window: Window, other: Window) -> Window | None:
    """The pixels that two windows have in common; None if there are none."""
    meeting = overlap(window, other)
    if meeting is None:
        return None
    rows, cols = meeting[0]
    return Window(
        window.col_off + cols.start,
        window.row_off + rows.start,
        cols.stop - cols.start,
        rows.stop - rows.start,
    )


def _common(start: int, size: int, other: int, length: int) -> tuple[slice, slice] | None:
    low, high = max(start, other), min(start + size, other + length)
    if low >= high:
        return None
    return slice(low - start, high - start), slice(low - other, high - other)


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
    shape: tuple[int, int],
    *,
    side: int = SAMPLE_SIDE,
    block: tuple[int, int] = (1, 1),
    per_axis: int = 8,
) -> Iterator[list[Window]]:
    """Yield rounds of patches spread over a (Y, X) grid; the same ones every time.

    The first round is that of `sample_windows`, or, where that would have too many blocks decoded,
    as many patches in few blocks. Later rounds lie between the patches of those before.

    Args:
        shape: of the grid.
        side: pixels along a patch.
        block: (Y, X) pixels that files decode together.
        per_axis: patches along each axis.
    """
    first = sample_windows(shape, side=side, per_axis=per_axis)
    cell = _cell(shape, block, side)
    cells = ceil(shape[0] / cell[0]) * ceil(shape[1] / cell[1])
    few = max(SAMPLED_SHARE * cells, SAMPLED_PIXELS / (cell[0] * cell[1]))
    if len(first) == 1 or few >= min(len(first), cells):
        yield first
        yield from _between_patches(shape, first, per_axis)
        return
    for chosen in _spread(list(Tiling(shape=shape, size=cell)), int(few)):
        along = ceil((len(first) / len(chosen)) ** 0.5)
        yield [patch for cell in chosen for patch in _patches(cell, side, along)]


def _cell(shape: tuple[int, int], block: tuple[int, int], side: int) -> tuple[int, int]:
    """(Y, X) of a block of a grid; thin ones are taken together until a patch fits in."""
    height, width = (
        min(length, size * ceil(side / size)) for length, size in zip(shape, block, strict=True)
    )
    return height, width


def _spread(cells: Sequence[Window], count: int) -> Iterator[list[Window]]:
    """Groups of `count` cells: first a lattice of them, then those left, evenly spread."""
    rows = sorted({cell.row_off for cell in cells})
    cols = sorted({cell.col_off for cell in cells})
    down, right = _lattice(len(rows), len(cols), max(1, count))
    here = {
        (rows[(2 * i + 1) * len(rows) // (2 * down)], cols[(2 * j + 1) * len(cols) // (2 * right)])
        for i in range(down)
        for j in range(right)
    }
    yield [cell for cell in cells if (cell.row_off, cell.col_off) in here]
    left = [cell for cell in cells if (cell.row_off, cell.col_off) not in here]
    groups = ceil(len(left) / (down * right))
    yield from (left[start::groups] for start in range(groups))


def _lattice(rows: int, cols: int, count: int) -> tuple[int, int]:
    """How many of the rows and columns to take for at most `count` cells, as square as can be."""
    fits = [(down, min(cols, count // down)) for down in range(1, min(rows, count) + 1)]
    return max(fits, key=lambda fit: (fit[0] * fit[1], -abs(fit[0] - fit[1])))


def _patches(cell: Window, side: int, along: int) -> list[Window]:
    rows = _starts(cell.height, side, along)
    cols = _starts(cell.width, side, along)
    size = min(side, cell.width), min(side, cell.height)
    return [Window(cell.col_off + col, cell.row_off + row, *size) for row in rows for col in cols]


def _between_patches(
    shape: tuple[int, int], first: Sequence[Window], per_axis: int
) -> Iterator[list[Window]]:
    """Later rounds of patches, until they stand four times as dense along each axis."""
    height, width = shape
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
