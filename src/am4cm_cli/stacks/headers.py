"""What a raster says of itself before any pixel is read."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from math import hypot
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from rasterio._err import CPLE_BaseError  # of properties; exported nowhere else
from rasterio.crs import CRS
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.errors import NotGeoreferencedWarning, RasterioIOError
from rasterio.io import DatasetReader

from am4cm_cli.errors import UnreadableError
from am4cm_cli.gdal_warnings import gdal_warnings
from am4cm_cli.stacks.locations import gdal_name, is_virtual
from am4cm_cli.stacks.losses import check_whole
from am4cm_cli.stacks.stack import Grid

THREADS = 4
SMALLEST, FURTHEST = 1e-7, 1e8
"""Side of a pixel and coordinate, in metres or degrees."""
MOST_PIXELS = 2**36
"""Of a raster: a square of 2,600 km at 10 m. Anything larger is a mistake, or not well meant."""
FETCH = "Fetch it again, or remove it."
"""What to do about an image that is damaged."""
MOST_BANDS = 1024
MOST_BLOCK_BYTES = 2**30
"""Decoded at once, whatever the memory allowed."""


@dataclass(frozen=True, kw_only=True)
class Header:
    """Facts of one raster; the tuples have one item per band."""

    path: Path
    grid: Grid
    dtypes: tuple[str, ...]
    blocks: tuple[tuple[int, int], ...]
    """(Y, X) pixels that are stored, and decoded, together."""
    descriptions: tuple[str, ...]
    """Empty where a band has none."""
    scales: tuple[float, ...]
    offsets: tuple[float, ...]
    nodata: tuple[float | None, ...]
    tags: Mapping[str, str]
    masked: tuple[bool, ...] = ()
    """Whether a mask beside the bands, in the file or its .msk, tells what is valid."""
    alpha: int | None = None
    """Number of the band, from 1, that is declared to be an alpha band."""
    held: int = 0
    """Bytes that GDAL holds while the file is open: of the block that was decoded last."""
    together: int = 0
    """Of a file with many scenes, bands in a row that are decoded together; 0 of other files."""

    @property
    def count(self) -> int:
        """How many bands the file has."""
        return len(self.dtypes)


def read_header(path: Path, *, expected: str = "a GeoTIFF", remedy: str = FETCH) -> Header:
    """Open a raster and note its facts; one that is not georeferenced has an empty CRS.

    Args:
        path: of the raster.
        expected: to be told where it is none.
        remedy: what to do about that, in sentences.
    """
    try:
        with gdal_warnings() as warned, rasterio.open(gdal_name(path)) as raster:
            _check_size(path, raster)
            header = Header(
                path=path,
                grid=_grid(path, raster),
                dtypes=tuple(raster.dtypes),
                blocks=tuple(raster.block_shapes),
                descriptions=tuple(text or "" for text in raster.descriptions),
                scales=tuple(raster.scales),
                offsets=tuple(raster.offsets),
                nodata=tuple(raster.nodatavals),
                tags=raster.tags(),
                masked=tuple(map(_has_mask, raster.mask_flag_enums)),
                alpha=_alpha(raster.colorinterp),
                held=_block_bytes(raster),
            )
    # A damaged header may hold text that is none, and so may a name; GDAL takes UTF-8 alone.
    except (RasterioIOError, CPLE_BaseError, UnicodeError) as error:
        raise UnreadableError(
            f"{gdal_name(path)}: cannot be opened as a raster ({_reason(error)}); expected "
            f"{expected}. {_hindrance(path) or remedy}",
            path,
        ) from error
    check_whole(path, warned)
    return header


def _is_text(name: str) -> bool:
    """Whether all of a name's bytes could be read as UTF-8."""
    return not any("\ud800" <= letter <= "\udfff" for letter in name)


def _hindrance(path: Path) -> str:
    """What to do about a path that cannot be read, whatever it holds; empty if it can."""
    if not _is_text(gdal_name(path)):
        return "Rename it: its name is no UTF-8."
    if is_virtual(path):
        return ""
    try:
        with path.open("rb"):
            return ""
    except PermissionError:
        return "It may not be read; make it readable, such as with chmod."
    except IsADirectoryError:
        return "It is a folder; name a file."
    except OSError:
        return ""


def read_headers(paths: Sequence[Path]) -> list[Header]:
    """Read the headers of many rasters, in their order."""
    with not_georeferenced_is_fine(), ThreadPoolExecutor(THREADS) as pool:
        futures = [pool.submit(read_header, path) for path in paths]
        try:
            return [future.result() for future in futures]
        finally:
            # The first error is the answer; don't open the other thousand files before giving it.
            pool.shutdown(cancel_futures=True)


@contextmanager
def not_georeferenced_is_fine() -> Iterator[None]:
    """Don't warn of rasters without a transform.

    Warning filters belong to the process: enter this outside the threads, never inside them.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        yield


def quiet(grid: Grid) -> AbstractContextManager[None]:
    """Don't warn of a missing transform where the stack is known to have none."""
    return nullcontext() if has_transform(grid.transform) else not_georeferenced_is_fine()


def has_transform(transform: Affine) -> bool:
    """False for a raster that is not georeferenced: it has the identity."""
    return not transform.is_identity


def _grid(path: Path, raster: DatasetReader) -> Grid:
    if not _is_on_the_ground(raster.transform):
        raise UnreadableError(
            f"{gdal_name(path)}: its pixels have no size or place (transform "
            f"{tuple(raster.transform)[:6]}); expected a grid with pixels of some metres or "
            "degrees. Fetch the file again, or mend its georeference, such as with gdal_edit.",
            path,
        )
    return Grid(crs=raster.crs or CRS(), transform=raster.transform, shape=raster.shape)


def _is_on_the_ground(place: Affine) -> bool:
    """Whether corners of pixels can be told from each other, and are not beyond any map."""
    sides = hypot(place.a, place.d), hypot(place.b, place.e)
    is_near = abs(place.c) < FURTHEST and abs(place.f) < FURTHEST and max(sides) < FURTHEST
    is_flat = abs(place.determinant) < 1e-3 * sides[0] * sides[1]
    return is_near and min(sides) > SMALLEST and not is_flat


def _check_size(path: Path, raster: DatasetReader) -> None:
    """Refuse what nobody could have written, before memory is taken for it."""
    height, width = raster.shape
    found = ""
    if not 0 < height * width <= MOST_PIXELS:
        found = f"{width} x {height} pixels, expected at most {MOST_PIXELS:.0e}"
    elif not 0 < raster.count <= MOST_BANDS:
        found = f"{raster.count} bands, expected 1 to {MOST_BANDS}"
    elif (size := _block_bytes(raster)) > MOST_BLOCK_BYTES:
        found = f"blocks of {size:.1e} bytes, expected at most {MOST_BLOCK_BYTES:.1e}"
    if found:
        raise UnreadableError(
            f"{gdal_name(path)}: found {found}; the file is damaged, or no image. Fetch it again, "
            "remove it, or write it anew in tiles.",
            path,
        )


def _block_bytes(raster: DatasetReader) -> int:
    """Of the largest block; bands that are interleaved by pixel are decoded together."""
    by_pixel = raster.tags(ns="IMAGE_STRUCTURE").get("INTERLEAVE") == "PIXEL"
    together = raster.count if by_pixel else 1
    sizes = zip(raster.block_shapes, raster.dtypes, strict=True)
    largest = max(rows * cols * np.dtype(kind).itemsize for (rows, cols), kind in sizes)
    return int(together * largest)


def _has_mask(flags: Sequence[MaskFlags]) -> bool:
    return MaskFlags.per_dataset in flags and MaskFlags.alpha not in flags


def _alpha(kinds: Sequence[ColorInterp]) -> int | None:
    return kinds.index(ColorInterp.alpha) + 1 if ColorInterp.alpha in kinds else None


def _reason(error: Exception) -> str:
    # GDAL's own words stand in the cause; rasterio's may only repeat the path.
    return str(error.__cause__ or error).strip()
