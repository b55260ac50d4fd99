"""Masks as Zarr cubes, for xarray; its libraries are imported on use."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from am4cm_cli.errors import MissingExtraError, OutputError
from am4cm_cli.exporting.times import scene_times
from am4cm_cli.folders import new_folder
from am4cm_cli.progress import Track
from am4cm_cli.rasters.cache import bounded_cache
from am4cm_cli.rasters.masks import MaskFile, opened
from am4cm_cli.stacks.stack import Grid
from am4cm_cli.windows import tile_grid

CHUNK = 32, 256, 256
"""Dates, rows and columns that are stored together: 2 MB before they are compressed."""
NAMES = {"probability": "cloud_probability", "binary mask": "cloud_mask"}
"""Of the variable, where it is not that of the content."""
VARIABLES = (*NAMES.values(), "classes", "reliability", "attention")
COORDINATES = ("time", "y", "x", "spatial_ref", "name")
MARKS = (".zgroup", ".zattrs", ".zmetadata")
LIBRARIES = ("xarray", "rioxarray", "zarr")


def check_cube(out: Path) -> None:
    """Make sure that a cube can be written, before any work is spent."""
    missing = [name for name in LIBRARIES if find_spec(name) is None]
    if missing:
        raise MissingExtraError(
            f"{out}: Zarr needs {', '.join(missing)}, which is not installed: "
            'pip install "am4cm[xarray]".'
        )


def check_cube_grid(out: Path, grid: Grid) -> None:
    """Raise OutputError unless a cube can lie on a grid."""
    if not grid.transform.is_rectilinear:
        raise OutputError(
            f"{out}: the mask's grid is rotated, and a cube has one coordinate for each row; "
            "expected rows along x. Warp it first, with gdalwarp, or write a GeoTIFF."
        )


def write_cube(mask: MaskFile, out: Path, *, overwrite: bool, track: Track = iter) -> None:
    """Write a folder in Zarr's format 2 that appears whole.

    It holds one variable over (time, y, x), with time in UTC, the centres of the pixels, the CRS as
    `spatial_ref`, and `name`, the dates as am4cm names them. Probabilities open as 0 to 1, NaN
    where there is no observation, stored in whole percent as in the mask.

    Raises:
        OutputError: the grid is rotated, or the folder cannot be written.
        StackError: the mask cannot be read.
    """
    check_cube_grid(out, mask.grid)
    variable = NAMES.get(mask.content, mask.content)
    members = [*MARKS, *COORDINATES, *VARIABLES]
    with new_folder(out, members=members, overwrite=overwrite) as part:
        # Not a folder of Zarr's own making yet: to_zarr fills it.
        _frame(mask).to_zarr(part, mode="w", zarr_format=2, consolidated=False)
        _write(mask, part, variable, track=track)


def is_cube(out: Path) -> bool:
    """Whether a folder is a cube that am4cm wrote."""
    attributes = out / ".zattrs"
    return attributes.is_file() and b'"AM4CM_VERSION"' in attributes.read_bytes()


def _frame(mask: MaskFile) -> Any:
    """All but the pixels: what these are over, and where that is."""
    import rioxarray  # noqa: F401 - gives datasets their .rio
    import xarray

    times = np.array([np.datetime64(time, "ns") for time in scene_times(mask)])
    y, x = _centres(mask.grid)
    frame = xarray.Dataset(
        coords={
            "time": ("time", times, {"standard_name": "time"}),
            "name": ("time", np.array(mask.names, dtype=np.str_)),
            "y": ("y", y),
            "x": ("x", x),
        },
        attrs=dict(mask.tags),
    )
    frame = frame.rio.write_transform(mask.grid.transform)
    if mask.grid.crs:
        frame = frame.rio.write_crs(mask.grid.crs.to_wkt()).rio.write_coordinate_system()
    frame.time.encoding = {"units": "seconds since 1970-01-01", "dtype": "int64"}
    return frame


def _write(mask: MaskFile, folder: Path, variable: str, *, track: Track) -> None:
    """Add the pixels, chunk by chunk."""
    import zarr

    group = zarr.open_group(folder, mode="r+", zarr_format=2)
    shape = len(mask.names), *mask.grid.shape
    nodata = np.dtype(mask.dtype).type(mask.nodata)
    array = group.create_array(
        variable,
        shape=shape,
        chunks=tuple(min(chunk, length) for chunk, length in zip(CHUNK, shape, strict=True)),
        dtype=mask.dtype,
        fill_value=nodata,
    )
    array.attrs.update(_attributes(mask))
    with bounded_cache(), opened(mask) as read:
        for window, dates in track(_chunks(shape)):
            numbers = read(indexes=[date + 1 for date in dates], window=window)
            array[(slice(dates.start, dates.stop), *window.toslices())] = numbers
    zarr.consolidate_metadata(group.store)


def _attributes(mask: MaskFile) -> dict[str, Any]:
    """What xarray and GDAL read of a variable."""
    attributes: dict[str, Any] = {
        "_ARRAY_DIMENSIONS": ["time", "y", "x"],
        "grid_mapping": "spatial_ref",
        "coordinates": "name",
        "long_name": mask.content,
    }
    if np.dtype(mask.dtype).kind == "u":
        attributes["_FillValue"] = int(mask.nodata)
    if mask.content == "probability":
        attributes |= {"long_name": f"probability of {mask.tags.get('AM4CM_TARGET', 'cloud')}"}
        attributes |= {"units": "1"} | ({"scale_factor": 1 / mask.full} if mask.full > 1 else {})
    return attributes


def _chunks(shape: tuple[int, ...]) -> list[tuple[Window, range]]:
    dates, side = shape[0], CHUNK[1]
    spans = [range(first, min(first + CHUNK[0], dates)) for first in range(0, dates, CHUNK[0])]
    return [
        (window, span) for window in tile_grid((shape[1], shape[2]), size=side) for span in spans
    ]


def _centres(grid: Grid) -> tuple[NDArray[Any], NDArray[Any]]:
    """Of rows and of columns, in the CRS."""
    (height, width), at = grid.shape, grid.transform
    rows, cols = (np.arange(length, dtype=np.float64) + 0.5 for length in (height, width))
    return at.f + at.e * rows, at.c + at.a * cols
