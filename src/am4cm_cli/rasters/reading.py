"""Windows of a stack as reflectance."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader
from rasterio.windows import Window

from am4cm_cli.errors import StackError
from am4cm_cli.stacks.headers import THREADS, quiet
from am4cm_cli.stacks.stack import BandFile, Scene, Stack

UNDECLARED_NODATA = (-10000, -9999)
"""Common marks that files don't declare: THEIA's, and many an export's."""

Reader = Callable[[DatasetReader, Sequence[BandFile]], NDArray[Any]]
"""Reads the dn of some bands of an open file, bands first."""


def read_scene(
    scene: Scene, bands: Sequence[str], window: Window
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Read a window of one scene.

    A pixel is not valid where any of these bands holds the file's nodata, NaN, an infinity or
    one of UNDECLARED_NODATA, or where all of those that declare no nodata are 0, as beyond the
    edge of a swath.

    Returns:
        (B, Y, X) reflectance, 0 where not valid; (Y, X) valid.
    """
    return _read_scene(scene, bands, partial(_read_window, window=window), _shape(window))


def read_scene_patches(
    scene: Scene, bands: Sequence[str], windows: Sequence[Window]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Read many small windows of one scene, opening each file once.

    Returns:
        (B, P) reflectance, 0 where not valid; (P,) valid; pixels window by window, row by row.
    """
    return _read_scene(scene, bands, partial(_read_patches, windows=windows), _pixels(windows))


def read_preview(
    scene: Scene, bands: Sequence[str], shape: tuple[int, int]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Read a whole scene as few pixels, the nearest ones, from overviews where there are any.

    Returns:
        As `read_scene` does, on a grid of the (Y, X) shape asked for.
    """
    return _read_scene(scene, bands, partial(_read_preview, shape=shape), shape)


def read_window(
    stack: Stack, bands: Sequence[str], window: Window
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Read a window of every scene.

    Returns:
        (T, B, Y, X) reflectance, 0 where not valid; (T, Y, X) valid.
    """
    return _read_stack(stack, bands, partial(_read_window, window=window), _shape(window))


def read_patches(
    stack: Stack, bands: Sequence[str], windows: Sequence[Window]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Read many small windows of every scene, opening each file once.

    Returns:
        (T, B, P) reflectance, 0 where not valid; (T, P) valid; pixels window by window, row by row.
    """
    return _read_stack(stack, bands, partial(_read_patches, windows=windows), _pixels(windows))


def _read_stack(
    stack: Stack, bands: Sequence[str], read: Reader, shape: tuple[int, ...]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    count = len(stack.scenes)
    reflectance = np.empty((count, len(bands), *shape), np.float32)
    valid = np.empty((count, *shape), np.bool_)
    with quiet(stack.grid), ThreadPoolExecutor(THREADS) as pool:
        futures = [
            pool.submit(_fill_scene, scene, bands, read, reflectance[t], valid[t])
            for t, scene in enumerate(stack.scenes)
        ]
        try:
            for future in futures:
                future.result()
        finally:
            pool.shutdown(cancel_futures=True)
    return reflectance, valid


def _read_scene(
    scene: Scene, bands: Sequence[str], read: Reader, shape: tuple[int, ...]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    reflectance = np.empty((len(bands), *shape), np.float32)
    valid = np.empty(shape, np.bool_)
    _fill_scene(scene, bands, read, reflectance, valid)
    return reflectance, valid


def _fill_scene(
    scene: Scene,
    bands: Sequence[str],
    read: Reader,
    reflectance: NDArray[np.float32],
    valid: NDArray[np.bool_],
) -> None:
    """Fill a scene's reflectance, band by band, and what is valid in all of them, in place."""
    valid[...] = True
    # Undeclared zeros count only where every such band is 0: one dark band is an observation.
    blanks = []
    for path, places in _by_file(scene, bands).items():
        files = [scene.bands[bands[place]] for place in places]
        for place, file, dn in zip(places, files, _read_file(path, files, read), strict=True):
            # Doubles may be too large for floats; they become infinities, which are not valid.
            with np.errstate(over="ignore", invalid="ignore"):
                np.multiply(dn, np.float32(file.scale), out=reflectance[place])
                reflectance[place] += np.float32(file.offset)
            valid &= np.isfinite(reflectance[place]) & ~_is_nodata(dn, file.nodata)
            if file.nodata is None:
                blanks.append(dn == 0)
    if blanks:
        valid &= ~np.logical_and.reduce(blanks)
    np.copyto(reflectance, 0, where=~valid)


def _by_file(scene: Scene, bands: Sequence[str]) -> Mapping[Path, Sequence[int]]:
    """Places in `bands` by the file that holds them, so that each file is opened once."""
    places: defaultdict[Path, list[int]] = defaultdict(list)
    for place, band in enumerate(bands):
        places[scene.bands[band].path].append(place)
    return places


def _read_file(path: Path, files: Sequence[BandFile], read: Reader) -> NDArray[Any]:
    try:
        with rasterio.open(path) as raster:
            return read(raster, files)
    except RasterioError as error:
        raise StackError(
            f"{path}: its pixels cannot be read ({error.__cause__ or error}); the file is damaged "
            f"or has gone. Fetch it again, or remove the scene."
        ) from error


def _read_window(raster: DatasetReader, files: Sequence[BandFile], window: Window) -> NDArray[Any]:
    """(bands, Y, X) dn of a window; coarse pixels are repeated onto the stack's grid."""
    factor = files[0].factor
    dn: NDArray[Any] = raster.read([file.index for file in files], window=_coarse(window, factor))
    if factor == 1:
        return dn
    top, left = window.row_off % factor, window.col_off % factor
    fine = dn.repeat(factor, axis=1).repeat(factor, axis=2)
    return fine[:, top : top + window.height, left : left + window.width]


def _read_patches(
    raster: DatasetReader, files: Sequence[BandFile], windows: Sequence[Window]
) -> NDArray[Any]:
    """(bands, P) dn of windows, end to end."""
    patches = [_read_window(raster, files, window) for window in windows]
    return np.concatenate([patch.reshape(len(files), -1) for patch in patches], axis=1)


def _read_preview(
    raster: DatasetReader, files: Sequence[BandFile], shape: tuple[int, int]
) -> NDArray[Any]:
    """(bands, Y, X) dn of the whole raster in few pixels."""
    # The nearest, since an average would mix in nodata that the file doesn't declare.
    dn: NDArray[Any] = raster.read(
        [file.index for file in files],
        out_shape=(len(files), *shape),
        resampling=Resampling.nearest,
    )
    return dn


def _shape(window: Window) -> tuple[int, int]:
    return window.height, window.width


def _pixels(windows: Sequence[Window]) -> tuple[int]:
    return (sum(window.height * window.width for window in windows),)


def _coarse(window: Window, factor: int) -> Window:
    """The coarse pixels that cover a window."""
    (top, bottom), (left, right) = window.toranges()
    col, row = left // factor, top // factor
    return Window(col, row, -(-right // factor) - col, -(-bottom // factor) - row)


def _is_nodata(dn: NDArray[Any], nodata: float | None) -> NDArray[np.bool_]:
    marks = UNDECLARED_NODATA if nodata is None else (*UNDECLARED_NODATA, nodata)
    missing: NDArray[np.bool_]
    if dn.dtype.kind == "f":
        # In the file's own precision: -3.4e38 as a 32-bit float is another number in 64 bits.
        missing = np.isin(dn, np.array(marks, dn.dtype))
        return missing
    limits = np.iinfo(dn.dtype)
    whole = [m for m in marks if limits.min <= m <= limits.max and float(m).is_integer()]
    missing = np.zeros(dn.shape, np.bool_)
    for mark in whole:
        missing |= dn == int(mark)
    return missing
