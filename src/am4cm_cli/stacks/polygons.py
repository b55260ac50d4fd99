"""Polygons of vector files, brought to a grid."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.features import rasterize
from rasterio.windows import Window

from am4cm_cli.errors import StackError
from am4cm_cli.stacks.lattices import cut
from am4cm_cli.stacks.stack import Grid
from am4cm_cli.stacks.vectors import PARQUET, reading_shapes

if TYPE_CHECKING:
    from geopandas import GeoDataFrame
    from pandas import DataFrame

PIECES = 256
"""Into which a side as long as the whole is cut before it is brought to another CRS, where it may
be bent."""
STRIP_ROWS = 1024
"""Burnt at a time."""


def read_polygon(path: Path, crs: CRS) -> Any:
    """Read all polygons of a GeoPackage, GeoJSON, GeoParquet or other vector file, as one.

    Args:
        path: of the file.
        crs: to bring them to.

    Returns:
        A shapely geometry that is not empty.

    Raises:
        StackError: it cannot be read, has no CRS, or holds no polygons.
        MissingExtraError: geopandas is not installed.
    """
    with reading_shapes(path, StackError):
        whole = _brought_to(crs, path)
    if whole.is_empty or not np.isfinite(whole.bounds).all():
        raise StackError(
            f"{path}: its polygons have no place in {crs.to_string()[:60]}; expected some near the "
            "images."
        )
    return whole


def _brought_to(crs: CRS, path: Path) -> Any:
    frame = _read(path)
    if frame.crs is None or not crs:
        which = f"{path}: has" if frame.crs is None else f"{path}: has one, but the images have"
        raise StackError(f"{which} no CRS; expected to be told where it lies. Set it, and go on.")
    _check_kinds(path, frame)
    west, south, east, north = frame.total_bounds
    pieces = frame.geometry.make_valid().segmentize(max(east - west, north - south) / PIECES)
    return pieces.to_crs(crs.to_wkt()).union_all()


def burn(polygon: Any, grid: Grid) -> Iterator[NDArray[np.bool_]]:
    """Yield strips of a grid's rows, True where a pixel's centre lies within."""
    height, width = grid.shape
    for row in range(0, height, STRIP_ROWS):
        strip = cut(grid, Window(0, row, width, min(STRIP_ROWS, height - row)))
        shape, transform = strip.shape, strip.transform
        burnt = rasterize([(polygon, 1)], out_shape=shape, transform=transform, dtype=np.uint8)
        yield burnt.astype(np.bool_)


def _read(path: Path) -> GeoDataFrame:
    import geopandas

    if path.suffix.lower() in PARQUET:
        return geopandas.read_parquet(path)
    return geopandas.read_file(path, layer=_layer(path, geopandas.list_layers(path)))


def _layer(path: Path, layers: DataFrame) -> str | None:
    """The only one that has shapes; tables beside it, such as QGIS's styles, have none."""
    names = layers["name"][layers["geometry_type"].notna()].tolist()
    if len(names) > 1:
        raise StackError(
            f"{path}: has {len(names)} layers, {', '.join(names)}; expected one. Take the one with "
            f"the polygons out of it: ogr2ogr polygons.gpkg {path.name} {names[0]}"
        )
    return names[0] if names else None


def _check_kinds(path: Path, frame: GeoDataFrame) -> None:
    kinds = set(frame.geom_type.dropna())
    if not kinds or not kinds <= {"Polygon", "MultiPolygon"}:
        found = ", ".join(sorted(map(str, kinds))) or "nothing"
        raise StackError(f"{path}: holds {found}; expected polygons alone.")
