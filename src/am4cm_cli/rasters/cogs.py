"""Rasters that appear whole: cloud-optimised GeoTIFFs with one named band per scene."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray

# GDAL's errors while overviews are built and the file is copied pass rasterio as they are, and
# rasterio.errors has no name for them.
from rasterio._err import CPLE_BaseError
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.io import DatasetWriter
from rasterio.shutil import copy
from rasterio.windows import Window

from am4cm_cli.clock import Clock
from am4cm_cli.errors import OutputError
from am4cm_cli.files import appear
from am4cm_cli.rasters.cache import bounded_cache
from am4cm_cli.rasters.creation import block_side, creation_options, layout
from am4cm_cli.stacks.headers import quiet
from am4cm_cli.stacks.stack import Grid
from am4cm_cli.storage import Storage
from am4cm_cli.windows import tile_grid

VIEW = ".vrt"
"""Behind the name of the tiles that a virtual raster shows."""


@dataclass(kw_only=True)
class CogWriter:
    """Takes the windows of a raster, each once, in any order."""

    path: Path
    raster: DatasetWriter
    nodata: float
    full: int = 0
    """Pixels in windows without any nodata."""

    def write(self, array: NDArray[Any], window: Window) -> None:
        """Write a (T, Y, X) array, one layer per band."""
        with _writing(self.path):
            self.raster.write(array, window=window)
        missing = np.isnan(array) if np.isnan(self.nodata) else array == self.nodata
        if not missing.any():
            self.full += window.height * window.width


@contextmanager
def create_cog(
    path: Path,
    *,
    grid: Grid,
    dtype: str,
    nodata: float,
    names: Sequence[str],
    tags: Mapping[str, str],
    overview: str = "average",
    storage: Storage | None = None,
    colours: Mapping[int, tuple[int, int, int]] | None = None,
    scale: float = 1,
    shown: Path | None = None,
    clock: Clock | None = None,
) -> Iterator[CogWriter]:
    """A cloud-optimised GeoTIFF that appears at path only if the block ends without an error.

    Args:
        path: replaced if it exists.
        shown: what a message calls it; path if None.
        grid: of the raster.
        dtype: numpy's name of the pixels' type.
        nodata: left out of the overviews.
        names: descriptions of the bands, one each.
        tags: of the dataset.
        overview: GDAL's resampling of the overviews: "average", or "mode" for classes.
        storage: how it is stored; without overviews it is a plain tiled GeoTIFF.
        colours: red, green and blue by number, for a raster of one band: TIFF has no room for more.
        scale: what a number is to be multiplied with, for programs that read it.
        clock: is told what the last step takes.
    """
    name, storage = shown or path, storage or Storage()
    with appear(path) as part, bounded_cache(), quiet(grid):
        tiles = part.with_name(f"{part.name}.tiles")
        profile = _profile(grid, dtype=dtype, nodata=nodata, count=len(names))
        try:
            with _writing(name):
                raster = rasterio.open(tiles, "w", **profile)
            with raster:
                raster.descriptions = tuple(names)
                raster.update_tags(**tags)
                if scale != 1:
                    raster.scales = (scale,) * len(names)
                if colours and len(names) == 1:
                    raster.write_colormap(1, dict(colours))
                writer = CogWriter(path=name, raster=raster, nodata=nodata)
                yield writer
            with _writing(name), (clock or Clock())("cog"):
                _finish(tiles, part, writer, overview=overview, storage=storage)
        finally:
            # Not by a pattern: the user's name is in it, and may be one itself.
            for suffix in ("", VIEW, f"{VIEW}.ovr"):
                tiles.with_name(tiles.name + suffix).unlink(missing_ok=True)


def _finish(tiles: Path, cog: Path, written: CogWriter, *, overview: str, storage: Storage) -> None:
    """Add overviews and copy with these first, which makes a GeoTIFF cloud-optimised.

    GDAL's COG driver would hold whole bands in memory and, before 3.11, interleave by pixel.
    """
    # In one thread: GDAL 3.10 takes nearly twice as long for these overviews in two.
    side = block_side(storage)
    with rasterio.Env(GDAL_TIFF_OVR_BLOCKSIZE=side, GDAL_NUM_THREADS="1"):
        with rasterio.open(tiles, driver="GTiff") as raster:
            levels = _overview_levels(raster.shape, side) if storage.overviews else []
            pixels, creation = (
                raster.width * raster.height,
                creation_options(storage, raster.dtypes[0]),
            )
        whole = levels and written.full == pixels
        source = _view_without_nodata(tiles) if whole else tiles
        if levels:
            with rasterio.open(source, "r+") as raster:
                raster.build_overviews(levels, Resampling[overview])
        if whole:
            with rasterio.open(source, "r+") as raster:
                raster.nodata = written.nodata
        copy(source, cog, driver="GTiff", copy_src_overviews=True, **creation)
    with rasterio.open(cog) as raster:
        # A disk that fills up while GDAL closes the file is not reported; the last block tells.
        *_, last = tile_grid(raster.shape, size=side)
        raster.read(raster.count, window=last)


def _view_without_nodata(tiles: Path) -> Path:
    """A virtual raster that declares none: GDAL averages four times as fast if it need not look."""
    view = tiles.with_name(tiles.name + VIEW)
    copy(tiles, view, driver="VRT")
    with rasterio.open(view, "r+") as raster:
        raster.nodata = None
    return view


def _overview_levels(shape: tuple[int, int], side: int) -> list[int]:
    """Halve until one block holds a whole band, one of at most 512 pixels, as a COG's should."""
    levels: list[int] = []
    while max(shape) / 2 ** len(levels) > min(side, 512):
        levels.append(2 ** (len(levels) + 1))
    return levels


def _profile(grid: Grid, *, dtype: str, nodata: float, count: int) -> dict[str, Any]:
    height, width = grid.shape
    return {
        "driver": "GTiff",
        "width": width,
        "height": height,
        "count": count,
        "dtype": dtype,
        "nodata": nodata,
        "crs": grid.crs or None,
        "transform": grid.transform,
        **layout(),
    }


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except (RasterioError, CPLE_BaseError) as error:
        reason = error.__cause__ or error
        raise OutputError(f"{path}: not written ({reason}). Is the disk full?") from error
