"""One pixel of a stack, by what a user calls it."""

from __future__ import annotations

from dataclasses import dataclass
from math import floor

from rasterio._err import CPLE_BaseError  # what rasterio.warp raises; exported nowhere else
from rasterio.crs import CRS
from rasterio.warp import transform
from rasterio.windows import Window

from am4cm_cli.errors import StackError
from am4cm_cli.stacks.grids import crs_name
from am4cm_cli.stacks.stack import Grid, Stack

LONLAT = CRS.from_epsg(4326)
METHODS = ("crs", "pixel", "lonlat")
"""How two numbers may name a pixel."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """One pixel of a grid."""

    column: int
    row: int
    """0 is the left column and the upper row."""
    x: float
    y: float
    """Its centre, in the grid's CRS."""
    crs: str
    """The grid's, by name."""
    lonlat: tuple[float, float] | None
    """Its centre in degrees; None where the CRS does not tell."""

    @property
    def window(self) -> Window:
        """The pixel alone."""
        return Window(self.column, self.row, 1, 1)


def find_place(stack: Stack, x: float, y: float, *, given: str) -> Place:
    """Find the pixel that two numbers name.

    Args:
        stack: on whose grid.
        x: easting, column or longitude.
        y: northing, row or latitude.
        given: one of METHODS: in the grid's CRS, as column and row, or in degrees.

    Raises:
        StackError: it lies outside the grid, or the grid's CRS cannot be reached from degrees.
    """
    if given == "pixel":
        across, down = x, y
    else:
        there = _from_lonlat(stack, x, y) if given == "lonlat" else (x, y)
        across, down = ~stack.grid.transform @ there
    height, width = stack.grid.shape
    # Not a number is not inside, either.
    if not (0 <= across < width and 0 <= down < height):
        raise StackError(
            f"{stack.source}: ({x:.10g}, {y:.10g}) lies outside the grid; expected "
            f"{_limits(stack.grid, given)}. Give column and row with --pixel, or degrees with "
            "--lonlat."
        )
    return _place(stack.grid, column=floor(across), row=floor(down))


def _place(grid: Grid, *, column: int, row: int) -> Place:
    x, y = grid.transform @ (column + 0.5, row + 0.5)
    lonlat = _transform(grid.crs, LONLAT, x, y) if grid.crs else None
    return Place(column=column, row=row, x=x, y=y, crs=crs_name(grid), lonlat=lonlat)


def _from_lonlat(stack: Stack, lon: float, lat: float) -> tuple[float, float]:
    found = _transform(LONLAT, stack.grid.crs, lon, lat) if stack.grid.crs else None
    if found is None:
        raise StackError(
            f"{stack.source}: longitude {lon:.10g}, latitude {lat:.10g} cannot be brought into "
            f"{crs_name(stack.grid)}; expected degrees, east and north of 0. "
            "Give column and row with --pixel."
        )
    return found


def _transform(source: CRS, target: CRS, x: float, y: float) -> tuple[float, float] | None:
    try:
        xs, ys = transform(source, target, [x], [y])
    except CPLE_BaseError:
        return None
    return xs[0], ys[0]


def _limits(grid: Grid, given: str) -> str:
    """The numbers that lie inside, as a user would give them."""
    height, width = grid.shape
    if given == "pixel":
        return f"columns 0 to {width - 1} and rows 0 to {height - 1}"
    corners = [
        grid.transform @ corner for corner in ((0, 0), (width, 0), (0, height), (width, height))
    ]
    if given == "lonlat":
        corners = [found for corner in corners if (found := _transform(grid.crs, LONLAT, *corner))]
    (left, *_, right), (low, *_, high) = (sorted(values) for values in zip(*corners, strict=True))
    system = "degrees" if given == "lonlat" else crs_name(grid)
    return f"{left:.10g} to {right:.10g} and {low:.10g} to {high:.10g} ({system})"
