"""Pictures and numbers as text within a page."""

import zlib
from base64 import b64encode
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.io import MemoryFile

from am4cm_cli.stacks.headers import not_georeferenced_is_fine

PNG, JPEG = "image/png", "image/jpeg"
OPTIONS = {PNG: {"ZLEVEL": "9"}, JPEG: {"QUALITY": "88"}}
STEP = 0.001
"""Of a reflectance that is stored."""
NONE = -32768
"""In a series, where there is no number."""


def picture_type(*, lossless: bool) -> str:
    """What pictures are stored as."""
    return PNG if lossless else JPEG


def encode_picture(colours: NDArray[np.uint8], kind: str) -> str:
    """Store a (3, Y, X) picture in red, green and blue as PNG or JPEG."""
    _, height, width = colours.shape
    with not_georeferenced_is_fine(), MemoryFile() as file:
        with file.open(
            driver=kind.removeprefix("image/").upper(),
            width=width,
            height=height,
            count=3,
            dtype="uint8",
            **OPTIONS[kind],
        ) as raster:
            raster.write(colours)
        return b64encode(file.read()).decode()


def encode_numbers(numbers: NDArray[Any]) -> str:
    """Store integers of any shape, deflated, little end first."""
    ordered = np.ascontiguousarray(numbers, numbers.dtype.newbyteorder("<"))
    return b64encode(zlib.compress(ordered.tobytes(), 9)).decode()


def encode_reflectance(series: NDArray[np.floating]) -> str:
    """Store reflectance in steps of STEP, NaN as NONE."""
    known = np.isfinite(series)
    steps = np.clip(np.rint(np.where(known, series, 0) / STEP), NONE + 1, -NONE - 1)
    return encode_numbers(np.where(known, steps, NONE).astype(np.int16))
