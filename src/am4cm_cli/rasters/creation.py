"""GDAL's creation options, tried before any work is spent on what they are for."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rasterio._err import CPLE_BaseError
from rasterio.errors import RasterioError
from rasterio.io import MemoryFile

from am4cm_cli.errors import OutputError, first_line
from am4cm_cli.gdal_warnings import gdal_warnings
from am4cm_cli.stacks.headers import not_georeferenced_is_fine
from am4cm_cli.storage import Storage

BLOCK = 256
BLOCKS = range(64, 4097, 16)
"""Sides of a block that TIFF allows, and memory."""
OPTIONS = (
    "BIGTIFF",
    "BLOCKSIZE",
    "COMPRESS",
    "ENDIANNESS",
    "GEOTIFF_VERSION",
    "LZMA_PRESET",
    "NUM_THREADS",
    "PREDICTOR",
    "SPARSE_OK",
    "ZLEVEL",
    "ZSTD_LEVEL",
)
"""Those of GDAL's GTiff driver, and BLOCKSIZE of its COG driver; others would change the layout."""
LOSSLESS = (
    "NONE",
    "DEFLATE",
    "LERC",
    "LERC_DEFLATE",
    "LERC_ZSTD",
    "LZMA",
    "LZW",
    "PACKBITS",
    "ZSTD",
)
"""What COMPRESS may be, as far as GDAL was built with it."""
PREDICTABLE = {"DEFLATE", "LZMA", "LZW", "ZSTD"}
"""What takes a predictor; of others GDAL warns from 3.12 on."""
PREDICTORS = {"NO": "1", "STANDARD": "2", "FLOATING_POINT": "3"}
"""The COG driver's names; YES is the one that fits."""
SIDE = 48


def read_options(words: Sequence[str]) -> dict[str, str]:
    """Split words of KEY=VALUE, as gdal_translate's -co takes them.

    Raises:
        OutputError: one is something else, is not supported, or is given twice.
    """
    options: dict[str, str] = {}
    for word in words:
        key, equals, value = word.partition("=")
        name = key.strip().upper()
        if not equals or not value.strip() or name not in OPTIONS:
            raise OutputError(
                f"--co {word}: expected KEY=VALUE with one of {', '.join(OPTIONS)}; the rest of "
                "the layout is am4cm's own."
            )
        if name in options:
            raise OutputError(f"--co {word}: {name} is given twice; leave one away.")
        options[name] = value.strip()
    return options


def check_storage(storage: Storage, dtypes: Iterable[str]) -> None:
    """Write and read back a small raster of each of these types in memory.

    Raises:
        OutputError: GDAL refuses an option or its value, or it would change numbers.
    """
    if not storage.options:
        return
    _check_values(storage.options)
    for dtype in sorted(set(dtypes)):
        _try(storage, dtype)


def block_side(storage: Storage) -> int:
    """Pixels along a block."""
    return int(storage.options.get("BLOCKSIZE", BLOCK))


def layout(side: int = BLOCK) -> dict[str, Any]:
    """How blocks of bands lie in a file."""
    return {
        "tiled": True,
        "blockxsize": side,
        "blockysize": side,
        "interleave": "band",
        "bigtiff": "if_safer",
    }


def creation_options(storage: Storage, dtype: str) -> dict[str, Any]:
    """All of GDAL's creation options of a raster of this type."""
    # Measured on masks: no predictor and the lowest level take a quarter of the time of level 6
    # for files a tenth larger.
    own = {"compress": "deflate", "zlevel": 1, "num_threads": "all_cpus"}
    fits = "3" if np.dtype(dtype).kind == "f" else "2"
    asked = {key.lower(): value for key, value in storage.options.items() if key != "BLOCKSIZE"}
    # Of numbers of more than a byte a predictor makes files smaller by a quarter and more.
    is_wide = np.dtype(dtype).itemsize > 1
    if is_wide and asked.get("compress", "deflate").upper() in PREDICTABLE:
        own |= {"predictor": int(fits)}
    if "predictor" in asked:
        named: Mapping[str, str] = {**PREDICTORS, "YES": fits}
        asked["predictor"] = named.get(asked["predictor"].upper(), asked["predictor"])
    return {**layout(block_side(storage)), **own, **asked}


def _check_values(options: Mapping[str, str]) -> None:
    block = options.get("BLOCKSIZE", str(BLOCK))
    if not block.isdecimal() or int(block) not in BLOCKS:
        raise OutputError(
            f"--co BLOCKSIZE={block}: expected a multiple of 16 from {BLOCKS[0]} to {BLOCKS[-1]}."
        )
    compression = options.get("COMPRESS", "NONE")
    if compression.upper() not in LOSSLESS:
        raise OutputError(
            f"--co COMPRESS={compression}: expected what keeps all numbers, one of "
            f"{', '.join(LOSSLESS)}."
        )


def _try(storage: Storage, dtype: str) -> None:
    """Noise comes back as it was only if nothing is lost."""
    noise = np.random.default_rng(0).integers(0, 256, (1, SIDE, SIDE)).astype(dtype)
    if noise.dtype.kind == "f":
        noise = np.where(noise > 250, np.float32(np.nan), noise / np.float32(300))
    words = " ".join(f"--co {key}={value}" for key, value in storage.options.items())
    profile = {"driver": "GTiff", "width": SIDE, "height": SIDE, "count": 1, "dtype": dtype}
    try:
        with not_georeferenced_is_fine(), gdal_warnings() as warnings, MemoryFile() as file:
            with file.open(**profile, **creation_options(storage, dtype)) as raster:
                raster.write(noise)
            with file.open() as raster:
                same = np.array_equal(raster.read(), noise, equal_nan=noise.dtype.kind == "f")
    except (RasterioError, CPLE_BaseError) as error:
        raise _refused(words, dtype, first_line(error.__cause__ or error), file.name) from error
    if warnings:
        raise _refused(words, dtype, warnings[0], file.name)
    if not same:
        raise _refused(words, dtype, "numbers are not kept as they are", file.name)


def _refused(words: str, dtype: str, reason: str, name: str) -> OutputError:
    # Without the name of the small raster, and rasterio's of the kind of error.
    reason = re.sub(r"^CPLE_\w+ in |\.$", "", reason.replace(f"{Path(name).name}: ", ""))
    return OutputError(
        f"{words}: GDAL does not write a {dtype} raster this way ({reason}). Its values are listed "
        "by gdalinfo --format GTiff."
    )
