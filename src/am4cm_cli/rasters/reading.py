"""Windows of a stack, as stored numbers and as reflectance."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from am4cm_cli.clock import Clock
from am4cm_cli.rasters.handles import Lender, OneRaster, OpenFiles
from am4cm_cli.rasters.opening import Raster
from am4cm_cli.stacks.headers import THREADS, quiet
from am4cm_cli.stacks.stack import BandFile, Scene, Stack

UNDECLARED_NODATA = (-10000, -9999)
"""Common marks that files don't declare: THEIA's, and many an export's."""

Reader = Callable[[Raster, Sequence[BandFile], NDArray[Any] | None], NDArray[Any]]
"""Reads the dn of some bands of an open file, bands first; into the array given, where one is."""


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """Pixels of a stack as its files hold them; see `Stack.scales` for reflectance.

    A pixel is not valid where any of the bands holds the file's nodata, NaN, an infinity or one of
    UNDECLARED_NODATA, or where all of those that declare no nodata are 0, as beyond the edge of a
    swath.
    """

    dn: NDArray[Any]
    """(T, B, ...) of `Stack.number_type`, finite."""
    valid: NDArray[np.bool_]
    """(T, ...)"""


def submit_reads(
    pool: Executor,
    files: OpenFiles,
    stack: Stack,
    bands: Sequence[str],
    window: Window,
    to: Numbers,
    *,
    clock: Clock,
) -> list[Future[None]]:
    """Have a pool fill (T, B, Y, X) numbers with a window, a task for what is decoded at once."""
    read = partial(_read_window, window=window)

    def fill(part: slice) -> None:
        with clock("decode"):
            _fill_scenes(files, stack.scenes[part], bands, read, to.dn[part], to.valid[part])

    return [pool.submit(fill, part) for part in _decoded_together(stack.scenes, bands)]


def read_numbers(raster: Raster, stack: Stack, bands: Sequence[str], window: Window) -> Numbers:
    """Read a window of the one raster that holds all scenes of a stack."""
    shape = len(stack.scenes), len(bands), window.height, window.width
    to = Numbers(
        dn=np.empty(shape, stack.number_type(bands)),
        valid=np.empty((shape[0], *shape[2:]), np.bool_),
    )
    read = partial(_read_window, window=window)
    _fill_scenes(OneRaster(raster), stack.scenes, bands, read, to.dn, to.valid)
    return to


def read_scene(
    scene: Scene, bands: Sequence[str], window: Window
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Read a window of one scene; see `Numbers` for what is valid.

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
            pool.submit(_reflect, stack.scenes[part], bands, read, reflectance[part], valid[part])
            for part in _decoded_together(stack.scenes, bands)
        ]
        await_all(futures)
    return reflectance, valid


def await_all(futures: Sequence[Future[None]]) -> None:
    """Wait for all of some tasks; after the first that fails start none of the others."""
    try:
        for future in futures:
            future.result()
    finally:
        for future in futures:
            future.cancel()


def _read_scene(
    scene: Scene, bands: Sequence[str], read: Reader, shape: tuple[int, ...]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    reflectance = np.empty((1, len(bands), *shape), np.float32)
    valid = np.empty((1, *shape), np.bool_)
    _reflect([scene], bands, read, reflectance, valid)
    return reflectance[0], valid[0]


def _decoded_together(scenes: Sequence[Scene], bands: Sequence[str]) -> list[slice]:
    """Runs of scenes that one file stores together, as cubes may; else each by itself."""
    files = [scene.bands[bands[0]] for scene in scenes]
    starts = [
        t
        for t, file in enumerate(files)
        if t == 0 or file.slab != files[t - 1].slab or file.path != files[t - 1].path
    ]
    return [slice(*ends) for ends in pairwise([*starts, len(files)])]


def _reflect(
    scenes: Sequence[Scene],
    bands: Sequence[str],
    read: Reader,
    reflectance: NDArray[np.float32],
    valid: NDArray[np.bool_],
) -> None:
    """Fill the (T, B, ...) reflectance of some scenes and what is valid, in place."""
    _fill_scenes(OpenFiles(), scenes, bands, read, reflectance, valid)
    for scene, own, seen in zip(scenes, reflectance, valid, strict=True):
        for place, band in enumerate(bands):
            file = scene.bands[band]
            own[place] *= np.float32(file.scale)
            own[place] += np.float32(file.offset)
        np.copyto(own, 0, where=~seen)


def _fill_scenes(
    files: Lender,
    scenes: Sequence[Scene],
    bands: Sequence[str],
    read: Reader,
    dn: NDArray[Any],
    valid: NDArray[np.bool_],
) -> None:
    """Fill the (T, B, ...) numbers of some scenes, file by file, and what is valid in all bands.

    Scenes of one file are read at once.
    """
    valid[...] = True
    # Undeclared zeros count only where every such band is 0: one dark band is an observation.
    blank: dict[int, NDArray[np.bool_]] = {}
    flat = dn.reshape(-1, *dn.shape[2:])
    all_files = [scene.bands[band] for scene in scenes for band in bands]
    for path, places in _by_file(all_files).items():
        band_files = [all_files[place] for place in places]
        into = _fitting(flat, places, band_files)
        with files.borrow(path) as raster:
            stored = read(raster, band_files, into)
        for place, file, numbers in zip(places, band_files, stored, strict=True):
            t = place // len(bands)
            missing = _missing(numbers, file.nodata)
            if missing is not None:
                valid[t] &= ~missing
            if file.nodata is None:
                zero = np.equal(numbers, 0)
                blank[t] = blank[t] & zero if t in blank else zero
            if into is None:
                _convert(numbers, missing, flat[place])
            elif missing is not None and into.dtype.kind == "f":
                np.copyto(numbers, 0, where=missing)
    for t, dark in blank.items():
        valid[t] &= ~dark


def _fitting(
    dn: NDArray[Any], places: Sequence[int], files: Sequence[BandFile]
) -> NDArray[Any] | None:
    """Where in `dn` GDAL may put these bands itself; None if they need to be made fit first."""
    together = list(places) == list(range(places[0], places[0] + len(places)))
    alike = all(file.factor == 1 and np.dtype(file.dtype) == dn.dtype for file in files)
    if not together or not alike:
        return None
    return dn[places[0] : places[0] + len(places)]


def _convert(numbers: NDArray[Any], missing: NDArray[np.bool_] | None, to: NDArray[Any]) -> None:
    """Copy one band to another type, 0 for numbers that are none."""
    # Doubles may be too large for floats; they were found to be missing.
    with np.errstate(over="ignore", invalid="ignore"):
        to[...] = numbers
    if missing is not None and to.dtype.kind == "f":
        np.copyto(to, 0, where=missing)


def _by_file(files: Sequence[BandFile]) -> Mapping[Path, Sequence[int]]:
    """Places of bands by the file that holds them, so that each file is opened once."""
    places: defaultdict[Path, list[int]] = defaultdict(list)
    for place, file in enumerate(files):
        places[file.path].append(place)
    return places


def _read_window(
    raster: Raster,
    files: Sequence[BandFile],
    into: NDArray[Any] | None,
    *,
    window: Window,
) -> NDArray[Any]:
    """(bands, Y, X) dn of a window; coarse pixels are repeated onto the stack's grid."""
    factor = files[0].factor
    indexes = [file.index for file in files]
    dn: NDArray[Any] = raster.read(indexes, window=_coarse(window, factor), out=into)
    if factor == 1:
        return dn
    top, left = window.row_off % factor, window.col_off % factor
    fine = dn.repeat(factor, axis=1).repeat(factor, axis=2)
    return fine[:, top : top + window.height, left : left + window.width]


def _read_patches(
    raster: Raster,
    files: Sequence[BandFile],
    into: NDArray[Any] | None,
    *,
    windows: Sequence[Window],
) -> NDArray[Any]:
    """(bands, P) dn of windows, end to end."""
    patches = [_read_window(raster, files, None, window=window) for window in windows]
    flat = [patch.reshape(len(files), -1) for patch in patches]
    return np.concatenate(flat, axis=1, out=into)


def _read_preview(
    raster: Raster,
    files: Sequence[BandFile],
    into: NDArray[Any] | None,
    *,
    shape: tuple[int, int],
) -> NDArray[Any]:
    """(bands, Y, X) dn of the whole raster in few pixels."""
    # The nearest, as is usual, since an average would mix in nodata that the file doesn't declare.
    dn: NDArray[Any] = raster.read(
        [file.index for file in files],
        out=into,
        out_shape=None if into is not None else (len(files), *shape),
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


def _missing(dn: NDArray[Any], nodata: float | None) -> NDArray[np.bool_] | None:
    """Where numbers stand for none; None if nowhere."""
    marks = UNDECLARED_NODATA if nodata is None else (*UNDECLARED_NODATA, nodata)
    if dn.dtype.kind == "f":
        # In the file's own precision: -3.4e38 as a 32-bit float is another number in 64 bits.
        with np.errstate(over="ignore"):
            finite = np.isfinite(dn.astype(np.float32))
        missing: NDArray[np.bool_] = ~finite | np.isin(dn, np.array(marks, dn.dtype))
        return missing
    limits = np.iinfo(dn.dtype)
    whole = [m for m in marks if limits.min <= m <= limits.max and float(m).is_integer()]
    # Mostly all numbers are above all marks: one pass in place of one for each mark.
    if not whole or int(dn.min()) > max(whole):
        return None
    found: NDArray[np.bool_] = np.logical_or.reduce([dn == int(mark) for mark in whole])
    return found
