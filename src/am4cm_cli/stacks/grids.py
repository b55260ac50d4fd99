"""The one grid of a stack, and whether a raster lies on it."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from am4cm_cli.errors import StackError
from am4cm_cli.stacks.headers import Header
from am4cm_cli.stacks.stack import Grid

TOLERANCE = 0.05
"""How far corners may lie apart, in pixels of the finer grid."""
ADVICE = "Bring it onto that grid, for example with gdalwarp, or remove it."


def common_grid(by_band: Mapping[str, Sequence[Header]]) -> Grid:
    """The finest grid among the bands, taking for each band the grid of most of its files."""
    usual = [_most_common([header.grid for header in headers]) for headers in by_band.values()]
    return min(usual, key=lambda grid: _pixel_area(grid.transform))


def factor_on(grid: Grid, header: Header, *, advice: str = ADVICE) -> int:
    """How many pixels of the grid a raster's pixels are wide: 1, or more for a coarser band.

    The raster must have the grid's CRS and outer bounds; an error ends with the advice.
    """
    own = header.grid
    factor = round(grid.shape[0] / own.shape[0])
    whole = factor >= 1 and (own.shape[0] * factor, own.shape[1] * factor) == grid.shape
    if not whole or not _same_bounds(own, grid):
        raise StackError(
            f"{header.path}: lies on another grid. Found {describe(own)}; expected "
            f"{describe(grid)}, or coarser pixels in the same bounds. "
            f"{advice}"
        )
    return factor


def same_grid(own: Grid, grid: Grid) -> bool:
    """Whether two rasters have the same pixels."""
    return own.shape == grid.shape and _same_bounds(own, grid)


def corners_on(grid: Grid, own: Grid) -> NDArray[np.float64]:
    """(4, 2) outer corners of a raster, across and down in pixels of a grid.

    The upper left, the upper right, the lower left and the lower right.
    """
    height, width = own.shape
    corners = [(0, 0, 1), (width, 0, 1), (0, height, 1), (width, height, 1)]
    there = np.array(corners) @ _matrix(own.transform).T
    return np.array((there @ _matrix(~grid.transform).T)[:, :2], np.float64)


def describe(grid: Grid) -> str:
    """A grid in words: `64 x 64 pixels of 10 x 10 at (501360, 5629680), EPSG:32631`."""
    height, width = grid.shape
    place, size = grid.transform, pixel_size(grid)
    turned = ", rotated" if place.b or place.d else ""
    return (
        f"{width} x {height} pixels of {size[0]:.10g} x {size[1]:.10g} at "
        f"({place.c:.10g}, {place.f:.10g}){turned}, {crs_name(grid)}"
    )


def pixel_size(grid: Grid) -> tuple[float, float]:
    """Along X and Y, in units of the CRS."""
    place = grid.transform
    return float(np.hypot(place.a, place.d)), float(np.hypot(place.b, place.e))


def crs_name(grid: Grid) -> str:
    """`EPSG:32631`, or as much as is known."""
    return grid.crs.to_string()[:60] if grid.crs else "no CRS"


def _most_common(grids: Sequence[Grid]) -> Grid:
    counts = Counter((grid.crs.to_wkt(), grid.transform, grid.shape) for grid in grids)
    crs, transform, shape = counts.most_common(1)[0][0]
    return next(
        grid
        for grid in grids
        if (grid.crs.to_wkt(), grid.transform, grid.shape) == (crs, transform, shape)
    )


def _pixel_area(transform: Affine) -> float:
    return abs(float(transform.determinant))


def _same_bounds(own: Grid, grid: Grid) -> bool:
    apart = np.abs(corners_on(grid, own) - corners_on(grid, grid))
    return bool(own.crs == grid.crs and apart.max() < TOLERANCE)


def _matrix(transform: Affine) -> NDArray[np.float64]:
    return np.array(transform, np.float64).reshape(3, 3)
