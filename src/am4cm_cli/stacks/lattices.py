"""Grids that are parts of one endless lattice: placed, joined, cut, and made coarser."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor

import numpy as np
import rasterio
from affine import Affine
from rasterio._err import CPLE_BaseError  # what rasterio.warp raises; exported nowhere else
from rasterio.warp import transform
from rasterio.windows import Window

from am4cm_cli.stacks.grids import TOLERANCE, corners_on
from am4cm_cli.stacks.stack import Grid

COARSEST = 64
"""Pixels are at most so many times as wide as the grid's; Sentinel-2's six times."""


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Where a raster lies on a grid."""

    factor: int
    """Side of its pixels in pixels of the grid."""
    rows: tuple[int, int]
    cols: tuple[int, int]
    """Its first row and column on the grid, and those after its last; may be beyond the grid."""

    @property
    def origin(self) -> tuple[int, int]:
        """(row, col) of the grid's first pixel, counted from the raster's own."""
        return -self.rows[0], -self.cols[0]


def place_on(grid: Grid, own: Grid) -> Placement | None:
    """Find where a raster lies on a grid; None if its pixels are not the grid's or whole ones."""
    if own.crs != grid.crs:
        return None
    exact = corners_on(grid, own)
    if not np.isfinite(exact).all():
        return None
    found = np.rint(exact)
    (left, top), (right, upper), (lower_left, bottom), (far, low) = found.astype(np.int64).tolist()
    is_level = (top, left, right, bottom) == (upper, lower_left, far, low)
    height, width = own.shape
    factor = round((right - left) / width)
    whole = 1 <= factor <= COARSEST and (right - left, bottom - top) == (
        factor * width,
        factor * height,
    )
    if np.abs(exact - found).max() >= TOLERANCE or not is_level or not whole:
        return None
    return Placement(factor=factor, rows=(top, bottom), cols=(left, right))


def same_lattice(one: Grid, other: Grid) -> bool:
    """Whether the pixels of two grids, continued beyond their edges, are the same."""
    found = place_on(one, other)
    return found is not None and found.factor == 1


def is_reachable(one: Grid, other: Grid) -> bool:
    """Whether the corners of two grids have places in each other's CRS."""
    for own, there in ((one, other), (other, one)):
        corners = corners_on(Grid(crs=own.crs, transform=Affine.identity(), shape=(1, 1)), own)
        try:
            with rasterio.Env():  # else GDAL prints what it raises
                found = transform(own.crs, there.crs, *corners.T.tolist())
        except CPLE_BaseError:
            return False
        if np.isfinite(found).any():
            return True
    return False


def union(grid: Grid, others: Sequence[Grid]) -> Grid:
    """The smallest grid on a grid's lattice that holds it and others of this lattice."""
    placed = [found for other in others if (found := place_on(grid, other))]
    rows = [(0, grid.shape[0]), *(found.rows for found in placed)]
    cols = [(0, grid.shape[1]), *(found.cols for found in placed)]
    top, left = min(first for first, _ in rows), min(first for first, _ in cols)
    height, width = max(last for _, last in rows) - top, max(last for _, last in cols) - left
    return cut(grid, Window(left, top, width, height))


def cut(grid: Grid, window: Window) -> Grid:
    """The part of a grid that a window shows, which may reach beyond it."""
    shift = Affine.translation(window.col_off, window.row_off)
    shape = int(window.height), int(window.width)
    return Grid(crs=grid.crs, transform=grid.transform @ shift, shape=shape)


def coarsen(grid: Grid, shrink: int) -> Grid:
    """Pixels of so many times the side; what is left over at the right and the bottom is cut."""
    height, width = (side // shrink for side in grid.shape)
    transform = grid.transform @ Affine.scale(shrink)
    return Grid(crs=grid.crs, transform=transform, shape=(height, width))


def refine(grid: Grid, shrink: int) -> Grid:
    """The pixels that `coarsen` makes a grid of, but for those that it cuts."""
    height, width = (side * shrink for side in grid.shape)
    transform = grid.transform @ Affine.scale(1 / shrink)
    return Grid(crs=grid.crs, transform=transform, shape=(height, width))


def touched(grid: Grid, corners: Sequence[tuple[float, float]]) -> Window | None:
    """The pixels of a grid that a box with these corners, in its CRS, touches; None if none.

    A box that ends on a pixel's edge, give or take a twentieth of a pixel, doesn't touch the next.
    """
    places = [~grid.transform @ corner for corner in corners]
    sides = []
    for along, length in zip(zip(*places, strict=True), reversed(grid.shape), strict=True):
        first = max(0, floor(min(along) + TOLERANCE))
        last = min(length, ceil(max(along) - TOLERANCE))
        sides.append((first, last - first))
    (col, width), (row, height) = sides
    return Window(col, row, width, height) if width > 0 and height > 0 else None
