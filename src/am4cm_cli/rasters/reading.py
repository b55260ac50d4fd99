"""Windows of a stack, as stored numbers and as reflectance."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from math import ceil, floor
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.io import DatasetReader
from rasterio.windows import Window

from am4cm_cli.clock import Clock
from am4cm_cli.rasters.handles import Lender, OneRaster, OpenFiles
from am4cm_cli.rasters.opening import Raster, Warped
from am4cm_cli.stacks.headers import THREADS, quiet
from am4cm_cli.stacks.stack import BandFile, Grid, Scene, Stack
from am4cm_cli.windows import common_part, inside

UNDECLARED_NODATA = (-10000, -9999)
"""Common marks that files don't declare: THEIA's, and many an export's."""


@dataclass(frozen=True, kw_only=True)
class Stored:
    """What some bands of one file hold."""

    dn: NDArray[Any]
    """(bands, ...)"""
    missing: NDArray[np.bool_] | None
    """(...) beyond the file, or masked there; None where nothing is."""


Reader = Callable[[Raster, Sequence[BandFile], NDArray[Any] | None], Stored]
"""Reads some bands of an open file; their dn into the array given, where one is."""
Fill = Callable[[Lender, Sequence[Scene], Sequence[str], NDArray[Any], NDArray[np.bool_]], None]
"""Fills the (T, B, ...) numbers and (T, ...) valid, in place, of scenes that are read together."""


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """Pixels of a stack as its files hold them; see `Stack.scales` for reflectance.

    A pixel is not valid where any of the bands holds the file's nodata, NaN, an infinity or one of
    UNDECLARED_NODATA, or where all of those that declare no nodata are 0, as beyond the edge of a
    swath; where a file ends, or its mask or alpha band says so; and beyond the scene's area. One
    that is averaged is valid where all its pixels are.
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

    def fill(part: slice) -> None:
        with clock("decode"):
            scenes = stack.scenes[part]
            _fill_window(files, scenes, bands, to.dn[part], to.valid[part], window=window)

    return [pool.submit(fill, part) for part in _decoded_together(stack.scenes, bands)]


def read_numbers(raster: Raster, stack: Stack, bands: Sequence[str], window: Window) -> Numbers:
    """Read a window of the one raster that holds all scenes of a stack."""
    shape = len(stack.scenes), len(bands), window.height, window.width
    to = Numbers(
        dn=np.empty(shape, stack.number_type(bands)),
        valid=np.empty((shape[0], *shape[2:]), np.bool_),
    )
    _fill_window(OneRaster(raster), stack.scenes, bands, to.dn, to.valid, window=window)
    return to


def read_scene(
    scene: Scene, bands: Sequence[str], window: Window
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Read a window of one scene; see `Numbers` for what is valid.

    Returns:
        (B, Y, X) reflectance, 0 where not valid; (Y, X) valid.
    """
    return _read_scene(scene, bands, partial(_fill_window, window=window), _shape(window))


def read_scene_patches(
    scene: Scene, bands: Sequence[str], windows: Sequence[Window]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Read many small windows of one scene, opening each file once.

    Returns:
        (B, P) reflectance, 0 where not valid; (P,) valid; pixels window by window, row by row.
    """
    return _read_scene(scene, bands, partial(_fill_patches, windows=windows), _pixels(windows))


def read_preview(
    scene: Scene, bands: Sequence[str], grid: Grid, shape: tuple[int, int]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Read a whole scene as few pixels, the nearest ones, from overviews where there are any.

    Args:
        scene: to read.
        bands: of it.
        grid: of its stack.
        shape: (Y, X) of the pixels wanted, which show all of the grid.

    Returns:
        As `read_scene` does, on a grid of the shape asked for.
    """
    return _read_scene(scene, bands, partial(_fill_preview, grid=grid, shape=shape), shape)


def read_window(
    stack: Stack, bands: Sequence[str], window: Window
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Read a window of every scene.

    Returns:
        (T, B, Y, X) reflectance, 0 where not valid; (T, Y, X) valid.
    """
    return _read_stack(stack, bands, partial(_fill_window, window=window), _shape(window))


def read_patches(
    stack: Stack, bands: Sequence[str], windows: Sequence[Window]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Read many small windows of every scene, opening each file once.

    Returns:
        (T, B, P) reflectance, 0 where not valid; (T, P) valid; pixels window by window, row by row.
    """
    return _read_stack(stack, bands, partial(_fill_patches, windows=windows), _pixels(windows))


def _read_stack(
    stack: Stack, bands: Sequence[str], fill: Fill, shape: tuple[int, ...]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    count = len(stack.scenes)
    reflectance = np.empty((count, len(bands), *shape), np.float32)
    valid = np.empty((count, *shape), np.bool_)
    with quiet(stack.grid), ThreadPoolExecutor(THREADS) as pool:
        futures = [
            pool.submit(_reflect, stack.scenes[part], bands, fill, reflectance[part], valid[part])
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
    scene: Scene, bands: Sequence[str], fill: Fill, shape: tuple[int, ...]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    reflectance = np.empty((1, len(bands), *shape), np.float32)
    valid = np.empty((1, *shape), np.bool_)
    _reflect([scene], bands, fill, reflectance, valid)
    return reflectance[0], valid[0]


def _decoded_together(scenes: Sequence[Scene], bands: Sequence[str]) -> list[slice]:
    """Runs of scenes that a cube stores together; else each by itself."""
    files = [scene.bands[bands[0]] for scene in scenes]
    starts = [t for t, file in enumerate(files) if t == 0 or not _is_together(files[t - 1], file)]
    return [slice(*ends) for ends in pairwise([*starts, len(files)])]


def _is_together(before: BandFile, file: BandFile) -> bool:
    return file.slab is not None and (file.path, file.slab) == (before.path, before.slab)


def _reflect(
    scenes: Sequence[Scene],
    bands: Sequence[str],
    fill: Fill,
    reflectance: NDArray[np.float32],
    valid: NDArray[np.bool_],
) -> None:
    """Fill the (T, B, ...) reflectance of some scenes and what is valid, in place."""
    fill(OpenFiles(), scenes, bands, reflectance, valid)
    for scene, own, seen in zip(scenes, reflectance, valid, strict=True):
        for place, band in enumerate(bands):
            file = scene.bands[band]
            own[place] *= np.float32(file.scale)
            own[place] += np.float32(file.offset)
        np.copyto(own, 0, where=~seen)


def _fill_window(
    files: Lender,
    scenes: Sequence[Scene],
    bands: Sequence[str],
    dn: NDArray[Any],
    valid: NDArray[np.bool_],
    *,
    window: Window,
) -> None:
    first = scenes[0]  # area and larger pixels are the stack's
    wanted = first.area.cut(window) if first.area else None
    if wanted is not None and not wanted.any():
        dn[...], valid[...] = 0, False
        return
    if first.shrink == 1:
        _fill_tiles(files, scenes, bands, partial(_read_window, window=window), dn, valid)
    else:
        _fill_averaged(files, scenes, bands, dn, valid, window=window)
    if wanted is not None:
        valid &= wanted


def _fill_patches(
    files: Lender,
    scenes: Sequence[Scene],
    bands: Sequence[str],
    dn: NDArray[Any],
    valid: NDArray[np.bool_],
    *,
    windows: Sequence[Window],
) -> None:
    first = scenes[0]
    if first.shrink == 1 and first.area is None:
        _fill_tiles(files, scenes, bands, partial(_read_patches, windows=windows), dn, valid)
        return
    start, count = 0, len(scenes)
    with closing(OpenFiles(len(first.files(bands)))) as kept:
        for window in windows:
            part = slice(start, start + window.height * window.width)
            patch = np.empty((count, len(bands), *_shape(window)), dn.dtype)
            seen = np.empty((count, *_shape(window)), np.bool_)
            _fill_window(kept, scenes, bands, patch, seen, window=window)
            dn[..., part] = patch.reshape(count, len(bands), -1)
            valid[..., part] = seen.reshape(count, -1)
            start = part.stop


def _fill_preview(
    files: Lender,
    scenes: Sequence[Scene],
    bands: Sequence[str],
    dn: NDArray[Any],
    valid: NDArray[np.bool_],
    *,
    grid: Grid,
    shape: tuple[int, int],
) -> None:
    steps = grid.shape[0] / shape[0], grid.shape[1] / shape[1]
    small = Grid(
        crs=grid.crs, transform=grid.transform @ Affine.scale(steps[1], steps[0]), shape=shape
    )
    side = scenes[0].shrink
    read = partial(_read_preview, steps=(steps[0] * side, steps[1] * side), shape=shape)
    _fill_tiles(files, [_onto(scene, bands, small) for scene in scenes], bands, read, dn, valid)


def _onto(scene: Scene, bands: Sequence[str], grid: Grid) -> Scene:
    """The same scene, of which files that are warped are warped onto another grid."""
    first, *others = (
        {band: replace(tile[band], onto=grid) if tile[band].onto else tile[band] for band in bands}
        for tile in scene.tiles
    )
    return replace(scene, bands=first, fills=tuple(others))


def _fill_averaged(
    files: Lender,
    scenes: Sequence[Scene],
    bands: Sequence[str],
    dn: NDArray[Any],
    valid: NDArray[np.bool_],
    *,
    window: Window,
) -> None:
    """Fill larger pixels, each with the mean of those that are read, whole numbers rounded."""
    side = scenes[0].shrink
    wide = Window(*(side * number for number in window.flatten()))
    fine = np.empty((*dn.shape[:2], *_shape(wide)), dn.dtype)
    seen = np.empty((len(scenes), *_shape(wide)), np.bool_)
    _fill_tiles(files, scenes, bands, partial(_read_window, window=wide), fine, seen)
    valid[...] = seen.reshape(-1, window.height, side, window.width, side).all(axis=(2, 4))
    for t, scene in enumerate(scenes):
        for place, band in enumerate(bands):
            # By the files' own types, since the same numbers are read as floats elsewhere.
            is_whole = all(np.dtype(file.dtype).kind in "iu" for file in scene.files([band]))
            dn[t, place] = _average(fine[t, place], side, is_whole=is_whole)


def _average(fine: NDArray[Any], side: int, *, is_whole: bool) -> NDArray[np.float64]:
    parts = [fine[row::side, col::side] for row in range(side) for col in range(side)]
    total = np.zeros(parts[0].shape, np.float64)
    for part in parts:
        total += part
    mean = total / side**2
    return np.floor(mean + 0.5) if is_whole else mean


def _fill_tiles(
    files: Lender,
    scenes: Sequence[Scene],
    bands: Sequence[str],
    read: Reader,
    dn: NDArray[Any],
    valid: NDArray[np.bool_],
) -> None:
    """Fill scenes from their first tiles, and from the others what is not valid there."""
    first = scenes[0]  # the only one, or it shares its one file with the others
    if first.unreadable:
        dn[...], valid[...] = 0, False
        return
    _fill_tile(files, [scene.bands for scene in scenes], bands, read, dn, valid)
    for tile in first.fills:
        if valid.all():
            return
        other, seen = np.empty_like(dn), np.empty_like(valid)
        _fill_tile(files, [tile], bands, read, other, seen)
        np.copyto(dn, other, where=(seen & ~valid)[:, None])
        valid |= seen


def _fill_tile(
    files: Lender,
    tiles: Sequence[Mapping[str, BandFile]],
    bands: Sequence[str],
    read: Reader,
    dn: NDArray[Any],
    valid: NDArray[np.bool_],
) -> None:
    """Fill (T, B, ...) numbers, file by file, and what is valid in all bands, in place."""
    valid[...] = True
    # Undeclared zeros count only where every such band is 0: one dark band is an observation.
    blank: dict[int, NDArray[np.bool_]] = {}
    flat = dn.reshape(-1, *dn.shape[2:])
    all_files = [tile[band] for tile in tiles for band in bands]
    for path, places in _by_file(all_files).items():
        band_files = [all_files[place] for place in places]
        into = _fitting(flat, places, band_files)
        with files.borrow(path, band_files[0].onto) as raster:
            stored = read(raster, band_files, into)
        if stored.missing is not None:
            valid &= ~stored.missing
        for place, file, numbers in zip(places, band_files, stored.dn, strict=True):
            t = place // len(bands)
            missing = _missing(numbers, file.nodata)
            if missing is not None:
                valid[t] &= ~missing
            if file.nodata is None:
                zero = np.equal(numbers, 0)
                blank[t] = blank[t] & zero if t in blank else zero
            if into is None:
                _convert(numbers, flat[place])
            _clear(missing, flat[place])
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


def _convert(numbers: NDArray[Any], to: NDArray[Any]) -> None:
    """Copy one band to another type."""
    # Doubles may be too large for floats; they were found to be missing.
    with np.errstate(over="ignore", invalid="ignore"):
        to[...] = numbers


def _clear(missing: NDArray[np.bool_] | None, dn: NDArray[Any]) -> None:
    """Put 0 for floats that are no numbers."""
    if missing is not None and dn.dtype.kind == "f":
        np.copyto(dn, 0, where=missing)


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
) -> Stored:
    """(bands, Y, X) of a window; coarse pixels are repeated, beyond the file nothing is."""
    file = files[0]  # all bands of a file lie alike
    there = _shifted(window, file.origin)
    height, width = (side * file.factor for side in raster.shape)
    held = Window(0, 0, width, height)
    part = common_part(there, held)
    if part == there:
        return _read_part(raster, files, into, window=there)
    dn = np.empty((len(files), *_shape(window)), _dtype(files)) if into is None else into
    dn[...] = 0
    missing = np.ones(_shape(window), np.bool_)
    if part is not None:
        found = _read_part(raster, files, None, window=part)
        rows, cols = inside(part, there)
        dn[:, rows, cols] = found.dn
        missing[rows, cols] = False if found.missing is None else found.missing
    return Stored(dn=dn, missing=missing)


def _read_part(
    raster: Raster,
    files: Sequence[BandFile],
    into: NDArray[Any] | None,
    *,
    window: Window,
) -> Stored:
    """(bands, Y, X) of a window that lies in the file."""
    factor = files[0].factor
    stored = _coarse(window, factor)
    dn = raster.read([file.index for file in files], window=stored, out=into)
    missing = _masked(raster, files[0], window=stored)
    if factor > 1:
        dn = _repeated(dn, window, factor)
        missing = None if missing is None else _repeated(missing[None], window, factor)[0]
    return Stored(dn=dn, missing=missing)


def _repeated(coarse: NDArray[Any], window: Window, factor: int) -> NDArray[Any]:
    """Cut a window out of (bands, Y, X) coarse pixels that cover it."""
    top, left = window.row_off % factor, window.col_off % factor
    fine = coarse.repeat(factor, axis=1).repeat(factor, axis=2)
    return fine[:, top : top + window.height, left : left + window.width]


def _masked(
    raster: Raster, file: BandFile, *, window: Window, shape: tuple[int, int] | None = None
) -> NDArray[np.bool_] | None:
    """Where a file's mask or alpha band says that nothing was observed; None if it has none."""
    alpha = raster.alpha if isinstance(raster, Warped) else file.alpha
    missing: NDArray[np.bool_] | None = None
    if alpha is not None:
        out_shape = None if shape is None else (1, *shape)
        missing = raster.read([alpha], window=window, out_shape=out_shape)[0] == 0
    if file.masked and file.onto is None:
        image: DatasetReader = raster  # what GDAL reads: cubes have no masks beside them
        beside: NDArray[np.bool_] = (
            image.read_masks(file.index, window=window, out_shape=shape) == 0
        )
        missing = beside if missing is None else missing | beside
    return missing


def _read_patches(
    raster: Raster,
    files: Sequence[BandFile],
    into: NDArray[Any] | None,
    *,
    windows: Sequence[Window],
) -> Stored:
    """(bands, P) of windows, end to end."""
    patches = [_read_window(raster, files, None, window=window) for window in windows]
    dn = np.concatenate([patch.dn.reshape(len(files), -1) for patch in patches], axis=1, out=into)
    if all(patch.missing is None for patch in patches):
        return Stored(dn=dn, missing=None)
    missing = [
        np.zeros(patch.dn[0].size, np.bool_) if patch.missing is None else patch.missing.reshape(-1)
        for patch in patches
    ]
    return Stored(dn=dn, missing=np.concatenate(missing))


def _read_preview(
    raster: Raster,
    files: Sequence[BandFile],
    into: NDArray[Any] | None,
    *,
    shape: tuple[int, int],
    steps: tuple[float, float],
) -> Stored:
    """(bands, Y, X) of all that the stack shows, a pixel each of so many (rows, columns)."""
    file = files[0]
    if file.onto:
        return _read_part(raster, files, into, window=Window(0, 0, shape[1], shape[0]))
    dn = np.empty((len(files), *shape), _dtype(files)) if into is None else into
    dn[...] = 0
    missing = np.ones(shape, np.bool_)
    rows, cols = (
        _shown(start, step, count, size * file.factor)
        for start, step, count, size in zip(file.origin, steps, shape, raster.shape, strict=True)
    )
    out_shape = rows.stop - rows.start, cols.stop - cols.start
    if min(out_shape) > 0:
        top, left = file.origin[0] + rows.start * steps[0], file.origin[1] + cols.start * steps[1]
        window = Window(
            left / file.factor,
            top / file.factor,
            out_shape[1] * steps[1] / file.factor,
            out_shape[0] * steps[0] / file.factor,
        )
        # The nearest, since an average would mix in nodata that the file doesn't declare.
        indexes = [band.index for band in files]
        dn[:, rows, cols] = raster.read(indexes, window=window, out_shape=(len(files), *out_shape))
        masked = _masked(raster, file, window=window, shape=out_shape)
        missing[rows, cols] = False if masked is None else masked
    return Stored(dn=dn, missing=missing if missing.any() else None)


def _shown(start: int, step: float, count: int, size: int) -> slice:
    """Which of so many pixels of a preview lie in a file of a size, along one axis."""
    first = max(0, ceil(-start / step))
    return slice(first, max(first, min(count, floor((size - start) / step + 1e-6))))


def _dtype(files: Sequence[BandFile]) -> np.dtype[Any]:
    """That holds the numbers of all of these: bands of a cube may have several."""
    return np.result_type(*{file.dtype for file in files})


def _shape(window: Window) -> tuple[int, int]:
    return window.height, window.width


def _pixels(windows: Sequence[Window]) -> tuple[int]:
    return (sum(window.height * window.width for window in windows),)


def _shifted(window: Window, origin: tuple[int, int]) -> Window:
    if origin == (0, 0):
        return window
    return Window(
        window.col_off + origin[1], window.row_off + origin[0], window.width, window.height
    )


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
