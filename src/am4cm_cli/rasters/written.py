"""Whether a raster holds what was written into it."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import RasterioError

from am4cm_cli.errors import OutputError, first_line


def digest(band: NDArray[Any]) -> int:
    """Of a (Y, X) band, to know it again."""
    return crc32(np.ascontiguousarray(band).data.cast("B"))


def check_written(path: Path, digests: Iterable[int]) -> None:
    """Raise OutputError unless a closed raster has bands of these digests.

    GDAL does not report a disk that fills up while it closes a file.
    """
    try:
        with rasterio.open(path) as raster:
            found = [digest(raster.read(index)) for index in raster.indexes]
    except RasterioError as error:
        raise OutputError(
            f"{path}: not written ({first_line(error.__cause__ or error)}). Is the disk full?"
        ) from error
    if found != list(digests):
        raise OutputError(f"{path}: not written, its pixels are not the ones. Is the disk full?")
