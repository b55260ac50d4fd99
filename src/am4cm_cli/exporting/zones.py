"""Polygons of a vector file, as places in a mask."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, floor
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.features import geometry_mask
from rasterio.windows import Window

from am4cm_cli.errors import StackError
from am4cm_cli.exports import Zones
from am4cm_cli.stacks.stack import Grid
from am4cm_cli.stacks.vectors import PARQUET, reading_shapes

POLYGONS = {"Polygon", "MultiPolygon"}


@dataclass(frozen=True, kw_only=True)
class Zone:
    """Pixels of a grid to count."""

    name: str
    window: Window | None
    """That holds it, as far as it is inside of the grid; None where nothing of it is."""
    geometry: Mapping[str, Any] | None = None
    """GeoJSON's polygon, in the grid's CRS; None for all pixels of the window."""


def whole_grid(grid: Grid) -> Zone:
    """All pixels."""
    height, width = grid.shape
    return Zone(name="all", window=Window(0, 0, width, height))


def inside_zone(zone: Zone, grid: Grid, window: Window) -> NDArray[np.bool_]:
    """(Y, X) of a window: pixels whose centre is in a zone."""
    shape = window.height, window.width
    if zone.geometry is None:
        return np.ones(shape, bool)
    here = grid.transform @ Affine.translation(window.col_off, window.row_off)
    inside: NDArray[np.bool_] = geometry_mask([zone.geometry], shape, here, invert=True)
    return inside


def read_zones(zones: Zones, grid: Grid) -> list[Zone]:
    """Read the polygons of a vector file that geopandas knows, brought to a grid's CRS.

    Returns:
        One zone for each polygon, or each value of the field; one whose geometry is missing or
        empty, or that lies outside, has no window.

    Raises:
        MissingExtraError: geopandas is not installed.
        StackError: the file cannot be read, has no CRS, no such field, a zone without a name,
            something else than polygons, or nothing inside of the grid.
    """
    with reading_shapes(zones.path, StackError):
        frame = _in_crs(zones, _frame(zones.path), grid)
        _check_polygons(zones.path, frame)
        named = _named(zones, frame)
        found = [_zone(name, shape, grid) for name, shape in named]
    if not any(zone.window for zone in found):
        raise StackError(
            f"{zones.path}: none of its {len(found)} zones lies inside of the mask; expected some "
            f"that do. It has the CRS {frame.attrs['crs']}; is that right?"
        )
    return found


def _frame(path: Path) -> Any:
    import geopandas

    return (geopandas.read_parquet if path.suffix.lower() in PARQUET else geopandas.read_file)(path)


def _in_crs(zones: Zones, frame: Any, grid: Grid) -> Any:
    if not hasattr(frame, "geometry") or not len(frame):
        raise StackError(f"{zones.path}: holds no polygons; expected at least one.")
    if frame.crs is None or not grid.crs:
        what = zones.path if frame.crs is None else "the mask"
        raise StackError(
            f"{zones.path}: cannot be laid over the mask, for {what} has no CRS; expected one in "
            "both. Add it, as ogr2ogr -a_srs does."
        )
    named = frame.crs.name
    frame = frame.to_crs(grid.crs.to_wkt())
    frame.attrs["crs"] = named
    return frame


def _check_polygons(path: Path, frame: Any) -> None:
    for row, shape in enumerate(frame.geometry, start=1):
        if shape is not None and not shape.is_empty and shape.geom_type not in POLYGONS:
            raise StackError(
                f"{path}: row {row} is a {shape.geom_type}; expected polygons. Buffer it, or leave "
                "it out."
            )


def _named(zones: Zones, frame: Any) -> list[tuple[str, Any]]:
    """Names and shapes, a name once."""
    if zones.field is None:
        return [(str(row), shape) for row, shape in enumerate(frame.geometry, start=1)]
    fields = [name for name in frame.columns if name != frame.geometry.name]
    if zones.field not in fields:
        raise StackError(
            f"{zones.path}: has no field {zones.field}; found {', '.join(map(str, fields))}. "
            "Choose another --zone-field."
        )
    if frame[zones.field].isna().any():
        row = int(frame[zones.field].isna().to_numpy().argmax()) + 1
        raise StackError(
            f"{zones.path}: row {row} has no {zones.field} to name its zone by; fill it in, or "
            "choose another --zone-field."
        )
    names = frame[zones.field].astype(str)
    joined = frame.geometry.groupby(names, sort=False)
    return [(str(name), shapes.union_all()) for name, shapes in joined]


def _zone(name: str, shape: Any, grid: Grid) -> Zone:
    if shape is None or shape.is_empty or not np.isfinite(shape.bounds).all():
        return Zone(name=name, window=None)
    return Zone(
        name=name, window=_around(shape.bounds, grid), geometry=dict(shape.__geo_interface__)
    )


def _around(bounds: tuple[float, float, float, float], grid: Grid) -> Window | None:
    """Pixels that a box in the grid's CRS meets."""
    west, south, east, north = bounds
    inverse: Affine = ~grid.transform
    corners = [inverse @ (x, y) for x in (west, east) for y in (south, north)]
    cols, rows = zip(*corners, strict=True)
    (top, down), (left, right) = (
        (max(0, floor(min(ends))), min(length, ceil(max(ends))))
        for ends, length in ((rows, grid.shape[0]), (cols, grid.shape[1]))
    )
    return Window(left, top, right - left, down - top) if down > top and right > left else None
