"""Rasters opened, of whatever kind."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, cast

import rasterio
from numpy.typing import NDArray
from rasterio.windows import Window

from am4cm_cli.rasters.cubes import open_cube_raster
from am4cm_cli.stacks.cube_files import is_cube
from am4cm_cli.stacks.locations import gdal_name


class Raster(Protocol):
    """What reads bands by their numbers, as rasterio's own rasters do."""

    def read(
        self,
        indexes: Sequence[int],
        *,
        window: Window | None = None,
        out: NDArray[Any] | None = None,
        out_shape: tuple[int, ...] | None = None,
    ) -> NDArray[Any]:
        """(N, Y, X) numbers of a window, or of all in the nearest pixels of another shape."""

    def close(self) -> None:
        """Close its file."""


def open_raster(path: Path) -> Raster:
    """Open what holds the bands of scenes; rasterio's errors pass."""
    if is_cube(path):
        return open_cube_raster(path)
    return cast("Raster", rasterio.open(gdal_name(path)))
