"""Rasters opened, of whatever kind."""

from pathlib import Path

import rasterio
from rasterio.io import DatasetReader

from am4cm_cli.stacks.locations import gdal_name


def open_raster(path: Path) -> DatasetReader:
    """Open what holds the bands of scenes; rasterio's errors pass."""
    return rasterio.open(gdal_name(path))
