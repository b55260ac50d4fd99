"""Parcels: polygons with a class, from a GeoPackage, GeoJSON, GeoParquet or the like."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from math import isfinite
from numbers import Integral, Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from rasterio.transform import array_bounds
from rasterio.warp import transform_bounds

from am4cm_cli.errors import DataError
from am4cm_cli.stacks.grids import describe
from am4cm_cli.stacks.stack import Grid
from am4cm_cli.stacks.vectors import PARQUET, reading_shapes

if TYPE_CHECKING:
    from geopandas import GeoDataFrame, GeoSeries

SUFFIXES = {*PARQUET, ".gpkg", ".geojson", ".json", ".shp", ".fgb"}
"""Of files that hold parcels, and never a raster."""
POLYGONS = {"Polygon", "MultiPolygon"}
MOST_NAMES = 10
"""In a message."""

Box = tuple[float, float, float, float]
"""West, south, east, north."""


@dataclass(frozen=True, kw_only=True)
class ParcelFile:
    """Where parcels are, and how to take them."""

    path: Path
    field: str
    """That holds the class, as text or whole numbers."""
    layer: str | None = None
    """Of a file with several; None where there is but one."""
    unlabelled: frozenset[str] | None = None
    """Classes that are none; the number 0 if None."""
    erode: float = 0.0
    """Metres by which parcels are shrunk."""


@dataclass(frozen=True, kw_only=True)
class Parcels:
    """Those parcels of a file that may lie on the images of a stack."""

    file: ParcelFile
    shapes: NDArray[np.object_]
    """(N,) shapely's polygons in the grid's CRS, shrunk; none is empty."""
    numbers: NDArray[np.int64]
    """(N,) their numbers in the file."""
    classes: tuple[str | int, ...]
    """(N,) as the field says; all are text or all are numbers."""
    left_out: Mapping[str, int]
    """Parcels by the reason for which they are not among these."""


def read_parcels(file: ParcelFile, grid: Grid) -> Parcels:
    """Read the parcels that may lie on a grid, and bring them into its CRS.

    Args:
        file: to read; GeoPackages and the like by their spatial index, where they have one.
        grid: of the images.

    Raises:
        MissingExtraError: geopandas or pyarrow is not installed.
        DataError: the file cannot be read, lacks the field, the layer or a CRS, holds anything but
            polygons, or nothing on the images; or the images have no CRS.
    """
    with reading_shapes(file.path, DataError):
        _check_places(file, grid)
        frame, total = _read_near(file, grid)
        classes = _classes(file, frame)
        named = np.array([name is not None for name in classes], np.bool_)
        shapes = _shrink(frame.geometry[named], file.erode)
        there = ~(shapes.is_empty | shapes.isna()).to_numpy()
    kept = [name for name in classes if name is not None]
    return Parcels(
        file=file,
        shapes=shapes.to_numpy()[there],
        numbers=frame.index.to_numpy(np.int64)[named][there],
        classes=tuple(name for name, own in zip(kept, there, strict=True) if own),
        left_out={
            "outside the images": total - len(frame),
            "without a class": int((~named).sum()),
            "gone by --erode" if file.erode else "without a shape": int((~there).sum()),
        },
    )


def _check_places(file: ParcelFile, grid: Grid) -> None:
    if not file.path.is_file():
        raise DataError(f"{file.path}: no such file; expected parcels, such as parcels.gpkg.")
    if not grid.crs:
        raise DataError(
            f"{file.path}: cannot be laid over the images, which have no CRS; set theirs with "
            "gdal_edit.py -a_srs, or give --labels as a raster."
        )


def _read_near(file: ParcelFile, grid: Grid) -> tuple[GeoDataFrame, int]:
    """Read the field and the shapes of parcels near a grid, in its CRS; and count all there are."""
    read = _read_parquet if file.path.suffix.lower() in PARQUET else _read_layer
    frame, total = read(file, grid)
    _check_shapes(file, frame)
    frame = frame.to_crs(grid.crs.to_wkt())
    near = frame[_meets(frame.geometry, array_bounds(*grid.shape, grid.transform))]
    if not len(near):
        raise DataError(
            f"{file.path}: none of its {total} parcels lies on the images; these are "
            f"{describe(grid)}. Check the CRS of both, or name other parcels."
        )
    return near, total


def _read_parquet(file: ParcelFile, grid: Grid) -> tuple[GeoDataFrame, int]:
    import geopandas
    from pyarrow.parquet import read_schema

    schema = read_schema(file.path)
    if file.layer is not None:
        raise DataError(f"{file.path}: GeoParquet has no layers; leave --layer away.")
    told = json.loads((schema.metadata or {}).get(b"geo", b"{}"))
    shapes = told.get("primary_column") if isinstance(told, dict) else None
    if shapes not in schema.names:
        raise _shapeless(file)
    _check_field(file, [name for name in schema.names if name != shapes])
    frame = geopandas.read_parquet(file.path, columns=[file.field, shapes])
    _check_crs(file, frame.crs)
    return frame.reset_index(drop=True), len(frame)


def _read_layer(file: ParcelFile, grid: Grid) -> tuple[GeoDataFrame, int]:
    import geopandas
    import pyogrio

    layer = _layer(file, [str(name) for name, _ in pyogrio.list_layers(file.path)])
    told = pyogrio.read_info(file.path, layer=layer, force_feature_count=True)
    if told["geometry_type"] is None:
        raise _shapeless(file)
    _check_field(file, [str(name) for name in told["fields"]])
    _check_crs(file, told["crs"])
    bounds = array_bounds(*grid.shape, grid.transform)
    frame = geopandas.read_file(
        file.path,
        layer=layer,
        columns=[file.field],
        bbox=transform_bounds(grid.crs, told["crs"], *bounds),
        fid_as_index=True,
    )
    return frame, int(told["features"])


def _layer(file: ParcelFile, layers: Sequence[str]) -> str:
    if not layers:
        raise _shapeless(file)
    if file.layer is None and len(layers) > 1:
        raise DataError(
            f"{file.path}: holds {len(layers)} layers; say which one with --layer: {_few(layers)}."
        )
    if file.layer is not None and file.layer not in layers:
        raise DataError(
            f"{file.path}: has no layer {file.layer!r}{_close(file.layer, layers)}; found "
            f"{_few(layers)}."
        )
    return file.layer or layers[0]


def _check_field(file: ParcelFile, fields: Sequence[str]) -> None:
    if file.field not in fields:
        raise DataError(
            f"{file.path}: has no field {file.field!r}{_close(file.field, fields)}; found "
            f"{_few(fields) or 'none'}. Name the one of the class with --classes-from."
        )


def _check_crs(file: ParcelFile, crs: object) -> None:
    if not crs:
        raise DataError(
            f"{file.path}: says no CRS, so nobody knows where its parcels lie. Set it, for example "
            "with ogr2ogr -a_srs EPSG:2154."
        )


def _check_shapes(file: ParcelFile, frame: GeoDataFrame) -> None:
    kinds = frame.geometry.geom_type
    others = kinds[kinds.notna() & ~kinds.isin(POLYGONS)]
    if len(others):
        raise DataError(
            f"{file.path}: row {others.index[0]} is a {others.iloc[0]}; expected polygons. Name "
            "another file or --layer, or take out what is none."
        )


def _shapeless(file: ParcelFile) -> DataError:
    return DataError(f"{file.path}: holds no shapes; expected polygons with a field for the class.")


def _meets(shapes: GeoSeries, box: Box) -> NDArray[np.bool_]:
    """Whether shapes may meet a box, by their own boxes; False for those that are not finite."""
    west, south, east, north = box
    x_min, y_min, x_max, y_max = shapes.bounds.to_numpy().T
    finite = np.isfinite(x_min) & np.isfinite(y_min) & np.isfinite(x_max) & np.isfinite(y_max)
    meets = (x_min < east) & (x_max > west) & (y_min < north) & (y_max > south)
    found: NDArray[np.bool_] = meets & finite
    return found


def _classes(file: ParcelFile, frame: GeoDataFrame) -> list[str | int | None]:
    """The class of each parcel; None for no class."""
    try:
        places, values = frame[file.field].factorize()
    except TypeError as error:  # lists and the like
        raise DataError(
            f"{file.path}: {file.field!r} holds neither text nor numbers; name another field."
        ) from error
    # The last one is for what pandas takes for none, whose place is -1.
    names = [*(_class(file, value) for value in values), None]
    known = [None if _is_none(file, name) else name for name in names]
    return [known[place] for place in places]


def _is_none(file: ParcelFile, name: str | int | None) -> bool:
    if name is None:
        return True
    return name == 0 if file.unlabelled is None else str(name) in file.unlabelled


def _class(file: ParcelFile, value: Any) -> str | int | None:
    if isinstance(value, str):
        return " ".join(value.split()) or None
    if isinstance(value, bool | np.bool_):
        return str(value).lower()
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real | Decimal):
        number = float(value)
        if isfinite(number) and number.is_integer():
            return int(number)
    raise DataError(
        f"{file.path}: {file.field!r} holds {str(value)[:60]!r}; expected classes as text or whole "
        "numbers."
    )


def _shrink(shapes: GeoSeries, metres: float) -> GeoSeries:
    """Mend shapes that cross themselves, and take a border of so many metres off."""
    broken = ~shapes.is_valid & shapes.notna()
    if broken.any():
        shapes = shapes.copy()
        # A buffer keeps no lines that are left of a broken polygon.
        shapes[broken] = shapes[broken].make_valid().buffer(0)
    if metres == 0 or not len(shapes):
        return shapes
    # Metres are true in a UTM zone, and neither in degrees nor in a web map's projection.
    own = shapes.crs
    true = own if own.utm_zone else shapes.estimate_utm_crs()
    return shapes.to_crs(true).buffer(-metres).to_crs(own)


def _close(name: str, names: Sequence[str]) -> str:
    lower = {other.lower(): other for other in names}
    found = get_close_matches(name.lower(), lower, n=1)
    return f" (did you mean {lower[found[0]]!r}?)" if found else ""


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ", ".join(names[:MOST_NAMES]) + more
