"""The part of a grid that a user wants: a box, a polygon, or both."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from rasterio._err import CPLE_BaseError  # what rasterio.warp raises; exported nowhere else
from rasterio.crs import CRS
from rasterio.errors import CRSError
from rasterio.warp import transform_bounds
from rasterio.windows import Window

from am4cm_cli.errors import StackError
from am4cm_cli.stacks.areas import Area
from am4cm_cli.stacks.grids import corners_on, crs_name
from am4cm_cli.stacks.lattices import cut, touched
from am4cm_cli.stacks.options import Box, StackOptions
from am4cm_cli.stacks.polygons import burn, read_polygon
from am4cm_cli.stacks.stack import Grid
from am4cm_cli.windows import common_part

DEGREES = "EPSG:4326"


@dataclass(frozen=True, kw_only=True)
class Region:
    """A part of a grid."""

    window: Window | None
    """That holds it; the whole grid if None."""
    area: Area | None
    """Pixels of the window that count; all if None."""
    notes: tuple[str, ...] = ()


def find_region(grid: Grid, options: StackOptions) -> Region:
    """Find the pixels that box and polygon ask for.

    Raises:
        StackError: there are none, or the box or the polygon cannot be understood.
    """
    if options.box is None and options.polygon is None:
        return Region(window=None, area=None)
    height, width = grid.shape
    window: Window | None = Window(0, 0, width, height)
    if options.box:
        window = _boxed(grid, options.box)
    if options.polygon is None:
        return Region(window=window, area=None)
    return _within(grid, window, options.polygon)


def _boxed(grid: Grid, box: Box) -> Window:
    sides = (box.west, box.south, box.east, box.north)
    window = touched(grid, _corners(_to_crs(grid, box, sides) if box.crs else sides))
    if window is None:
        hint = "" if box.crs else f" For degrees give --bbox-crs {DEGREES}."
        raise StackError(
            f"Box {box.text}: lies outside the images; expected some of {_bounds(grid, box)}.{hint}"
        )
    return window


def _within(grid: Grid, window: Window, path: Path) -> Region:
    polygon = read_polygon(path, grid.crs)
    bounds = touched(grid, _corners(polygon.bounds))
    both = common_part(bounds, window) if bounds else None
    area = Area.of(burn(polygon, cut(grid, both))) if both else None
    if both is None or area is None or not area.count:
        raise StackError(
            f"{path}: no pixel's centre lies within its polygons; expected some of "
            f"{_bounds(cut(grid, window), None)}. Choose polygons that lie on the images."
        )
    share = area.count / (both.height * both.width)
    if share == 1:
        return Region(window=both, area=None)
    note = f"{share:.0%} of the grid lie within {path}; the rest is not looked at."
    return Region(window=both, area=area, notes=(note,))


def _to_crs(
    grid: Grid, box: Box, sides: tuple[float, float, float, float]
) -> tuple[float, float, float, float]:
    try:
        if not grid.crs:
            raise StackError(
                f"Box {box.text}: the images have no CRS, so {box.crs} cannot be brought there; "
                "give columns and rows, without --bbox-crs."
            )
        with rasterio.Env():  # else GDAL prints what it raises
            found = transform_bounds(CRS.from_user_input(box.crs), grid.crs, *sides)
    except (CRSError, ValueError, CPLE_BaseError) as error:
        raise StackError(
            f"Box {box.text}: cannot be brought from {box.crs} to {crs_name(grid)} ({error}); "
            f"expected a CRS such as {DEGREES}, and numbers that lie in it."
        ) from error
    if not np.isfinite(found).all():
        raise StackError(
            f"Box {box.text}: has no place in {crs_name(grid)}; expected {_bounds(grid, box)}."
        )
    west, south, east, north = found
    return west, south, east, north


def _corners(sides: Sequence[float]) -> list[tuple[float, float]]:
    west, south, east, north = sides
    return [(west, north), (east, north), (west, south), (east, south)]


def _bounds(grid: Grid, box: Box | None) -> str:
    """A grid's own, west to north; in the box's CRS where that is known."""
    identity = Grid(crs=grid.crs, transform=grid.transform.identity(), shape=grid.shape)
    corners = corners_on(identity, grid)
    sides = (*corners.min(axis=0), *corners.max(axis=0))
    crs = crs_name(grid)
    if box and box.crs and grid.crs:
        sides, crs = transform_bounds(grid.crs, CRS.from_user_input(box.crs), *sides), box.crs
    return f"{','.join(f'{side:.10g}' for side in sides)} ({crs})"
