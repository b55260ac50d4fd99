"""Rasters opened, of whatever kind."""

from pathlib import Path

import rasterio
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader

from am4cm_cli.errors import StackError
from am4cm_cli.stacks.headers import not_georeferenced_is_fine
from am4cm_cli.stacks.locations import file_behind, gdal_name
from am4cm_cli.stacks.sources import VIEW


def open_raster(path: Path) -> DatasetReader:
    """Open what holds the bands of scenes; rasterio's errors pass."""
    return rasterio.open(gdal_name(path))


def files_behind(path: Path) -> list[Path]:
    """The files of this machine that hold a raster's pixels: more than one of a VRT.

    Raises:
        StackError: it is a VRT that cannot be opened.
    """
    names = [str(path)]
    if path.suffix.lower() == VIEW:
        try:
            with not_georeferenced_is_fine(), open_raster(path) as raster:
                names = raster.files
        except RasterioError as error:
            raise StackError(f"{path}: cannot be opened ({error}); fetch it again.") from error
    return [file for name in names if (file := file_behind(Path(name)))]
