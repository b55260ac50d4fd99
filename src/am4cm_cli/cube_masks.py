"""Cloud probability of a stack in memory, or of one that dask will read: `cloud_probability`."""

import os
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from rasterio.windows import Window

from am4cm_cli import __version__
from am4cm_cli.classes import TARGETS
from am4cm_cli.clock import Clock
from am4cm_cli.engine import Engine
from am4cm_cli.errors import Am4cmError
from am4cm_cli.jobs import fit_stack
from am4cm_cli.judgement import Judge
from am4cm_cli.keeping import reflect
from am4cm_cli.layers import probability_layer
from am4cm_cli.orders import BATCH, MaskConfig
from am4cm_cli.rasters.cubes import ArrayRaster, CubeRaster
from am4cm_cli.rasters.opening import Raster
from am4cm_cli.rasters.reading import Numbers, read_numbers
from am4cm_cli.scores.neighbourhood import RIM
from am4cm_cli.scoring import StackScorer, make_scorer
from am4cm_cli.stacks.cube_files import need_extra
from am4cm_cli.stacks.cubes import Cube, draft_cube, name_bands, read_cube
from am4cm_cli.stacks.discovery import assemble
from am4cm_cli.stacks.drafts import check_band_names
from am4cm_cli.stacks.findings import Findings
from am4cm_cli.stacks.options import StackOptions
from am4cm_cli.stacks.stack import Stack
from am4cm_cli.streaming import one_thread_each
from am4cm_cli.weights import Weights, load_weights
from am4cm_cli.weights_header import default_weights
from am4cm_cli.windows import Tiling, inside, with_rim

if TYPE_CHECKING:
    import xarray

SIDE = 512
"""Of windows, in pixels, where nothing else is asked for."""
CHUNK_BYTES = 2**27
"""Of dask's chunks, as stored; larger ones, which all dates together may make, are divided."""
RIMMED = (2, 3)
"""Axes along which neighbours count: Y and X."""
SOURCE = "The dataset"
CONFIG = MaskConfig(target="unusable", dtype="float32")


def cloud_probability(
    dataset: "xarray.Dataset | xarray.DataArray",
    *,
    targets: Sequence[str] = ("cloud",),
    bands: Sequence[str] | None = None,
    scale: float | None = None,
    offset: float | None = None,
    weights: Path | None = None,
    tell: Callable[[str], object] | None = None,
) -> "xarray.DataArray":
    """Tell how probably each pixel is cloud, or cloud or shadow, date by date.

    The same numbers as those of `am4cm mask --dtype float32` for the same pixels. If the dataset
    is dask's, only a sample of small windows is computed at once, to calibrate; all else waits
    until the result is computed.

    Args:
        dataset: a variable for each band, each (time, y, x), or numbers (time, band, y, x), in any
            order of dimensions; B02, B2 or blue by name. Reflectance 0 to 1, or numbers with the
            attributes scale_factor, add_offset and _FillValue or nodata; integers without these
            count as 10000 times reflectance.
        targets: cloud; unusable, which is cloud or shadow; or both.
        bands: what the bands are, in their order, where they carry no names.
        scale: reflectance = number * scale + offset; outweighs the attributes.
        offset: in reflectance; -0.1 for Sentinel-2 baseline 04.00 and later, if nothing tells so.
        weights: a file; those that come with am4cm if None.
        tell: is given sentences that a user should read; they become warnings if None.

    Returns:
        (time, band, y, x) float32, 0 to 1, NaN where there is no observation; a band for each
        target, by name. Dates, pixels and CRS are those of the dataset.

    Raises:
        StackError: the dataset is no stack, or too few of its dates can be compared.
        WeightsError: it lacks bands that the weights cannot do without.
        MissingExtraError: xarray or rioxarray is not installed.
    """
    _check_targets(targets)
    need_extra("cloud_probability", "xarray", "rioxarray")
    cube = read_cube(dataset, SOURCE)
    stack = _stack(cube, StackOptions(band_names=bands, scale=scale, offset=offset))
    model = load_weights(weights or default_weights())
    scorer = make_scorer(stack, model, CONFIG.method, device=torch.device("cpu"), batch=BATCH)
    pixels = _pixels(cube, stack, scorer.bands)
    fit = fit_stack(scorer, model, CONFIG, pixels.sample)
    for sentence in (*stack.notes, *fit.notes):
        tell(sentence) if tell else warnings.warn(sentence, stacklevel=2)
    answered = pixels.answered(
        Answer(stack=pixels.stack, scorer=scorer, judge=fit.judge, targets=tuple(targets))
    )
    own_order = answered[np.argsort(_places(cube, stack))]
    return _georeferenced(cube, own_order, targets, model)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Turns numbers into probabilities."""

    stack: Stack
    """How numbers lie in what they are read from."""
    scorer: StackScorer
    judge: Judge
    targets: tuple[str, ...]

    def of_window(self, raster: Raster, window: Window, pool: Executor) -> NDArray[np.float32]:
        """(T, targets, Y, X) of a window, judged as if nothing were known beyond it."""
        numbers = read_numbers(raster, self.stack, self.scorer.bands, window)
        window = Window(0, 0, window.width, window.height)
        # Each by itself, as a mask of it would be: more planes at once differ in their last bits.
        with one_thread_each():
            answers = [self._engine(t, numbers).start(window, numbers, pool) for t in self.targets]
        return np.stack([answer().layers[0] for answer in answers], axis=1)

    def _engine(self, target: str, numbers: Numbers) -> Engine:
        height, width = numbers.valid.shape[1:]
        layer = probability_layer(Path(), self.stack, target=target, dtype=CONFIG.dtype)
        return Engine(
            scorer=self.scorer,
            judge=self.judge,
            layers=[layer],
            shape=(height, width),
            batch=BATCH,
            clock=Clock(),
        )

    def of_chunk(self, numbers: NDArray[Any]) -> NDArray[np.float32]:
        """(T, targets, Y, X) of (T, B, Y, X) numbers, in one thread."""
        height, width = numbers.shape[-2:]
        raster = ArrayRaster(numbers=numbers)
        with ThreadPoolExecutor(1) as pool:
            return self.of_window(raster, Window(0, 0, width, height), pool)


@dataclass(frozen=True, kw_only=True)
class HeldPixels:
    """Of a cube in memory, or in a file."""

    stack: Stack
    bands: tuple[str, ...]
    raster: CubeRaster

    def sample(self, windows: Sequence[Window]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Read small windows as `read_patches` does."""
        parts = [read_numbers(self.raster, self.stack, self.bands, window) for window in windows]
        return reflect(self.stack, self.bands, parts)

    def answered(self, answer: Answer) -> NDArray[np.float32]:
        """(T, targets, Y, X) of the whole grid, computed now by all cores."""
        shape = self.stack.grid.shape
        found = np.empty((len(self.stack.scenes), len(answer.targets), *shape), np.float32)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for window in Tiling(shape=shape, size=(SIDE, SIDE)):
                wider = with_rim(window, shape, rim=RIM)
                part = answer.of_window(self.raster, wider, pool)
                found[..., *window.toslices()] = part[..., *inside(window, wider)]
        return found


@dataclass(frozen=True, kw_only=True)
class ChunkedPixels:
    """Of a cube that dask will compute."""

    stack: Stack
    bands: tuple[str, ...]
    numbers: Any
    """(T, B, Y, X) dask array, in the stack's order of dates."""

    def sample(self, windows: Sequence[Window]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Compute small windows, all at once, so that chunks are read once."""
        from dask.base import compute

        parts = compute(*[self.numbers[..., *window.toslices()] for window in windows])
        whole = [Window(0, 0, part.shape[-1], part.shape[-2]) for part in parts]
        rasters = [ArrayRaster(numbers=part) for part in parts]
        seen = [
            read_numbers(raster, self.stack, self.bands, window)
            for raster, window in zip(rasters, whole, strict=True)
        ]
        return reflect(self.stack, self.bands, seen)

    def answered(self, answer: Answer) -> Any:
        """(T, targets, Y, X) dask array of the whole grid, to be computed."""
        from dask.array.overlap import overlap, trim_internal
        from dask.delayed import delayed

        around, edges = dict.fromkeys(RIMMED, RIM), dict.fromkeys(RIMMED, "none")
        wider = overlap(self._rechunked(), depth=around, boundary=edges)
        dates, _, rows, cols = wider.chunks
        found = wider.map_blocks(
            _answer_chunk,
            # By itself, so that it is sent once and not with every chunk.
            answer=delayed(answer, traverse=False),
            dtype=np.float32,
            chunks=(dates, (len(answer.targets),), rows, cols),
            meta=np.empty((0, 0, 0, 0), np.float32),
        )
        return trim_internal(found, around, edges)

    def _rechunked(self) -> Any:
        """All dates and bands in one chunk; along Y and X as they come, or less."""
        whole = self.numbers.rechunk({0: -1, 1: -1})
        if _largest(whole) > CHUNK_BYTES:
            return whole.rechunk(dict.fromkeys(RIMMED, "auto"), block_size_limit=CHUNK_BYTES)
        return whole


def _largest(array: Any) -> int:
    """Bytes of a dask array's largest chunk."""
    return int(np.prod(array.chunksize)) * int(array.dtype.itemsize)


def _answer_chunk(numbers: NDArray[Any], *, answer: Answer) -> NDArray[np.float32]:
    return answer.of_chunk(numbers)


def _check_targets(targets: Sequence[str]) -> None:
    if isinstance(targets, str) or not targets or set(targets) - set(TARGETS):
        raise Am4cmError(f"targets={targets!r}: expected some of {TARGETS}, such as ('cloud',).")


def _stack(cube: Cube, options: StackOptions) -> Stack:
    given = options.band_names
    names = name_bands(cube, None if given is None else check_band_names(given))
    drafts, notes = draft_cube(cube, Path(SOURCE), names)
    return assemble(SOURCE, Findings(drafts=drafts, notes=notes), options)


def _pixels(cube: Cube, stack: Stack, bands: tuple[str, ...]) -> HeldPixels | ChunkedPixels:
    if not any(variable.array.chunks for variable in cube.variables):
        raster = CubeRaster(cube=cube, path=Path(SOURCE))
        return HeldPixels(stack=stack, bands=bands, raster=raster)
    import dask.array

    planes = [_whole_band(cube, stack.scenes[0].bands[band].index) for band in bands]
    numbers = dask.array.stack(planes, axis=1)[_places(cube, stack)]
    return ChunkedPixels(stack=_in_order(stack, bands), bands=bands, numbers=numbers)


def _whole_band(cube: Cube, index: int) -> Any:
    """(T, Y, X) of the band that a plane shows."""
    number, place = cube.bands[(index - 1) % len(cube.bands)]
    variable = cube.variables[number]
    array, axes = variable.array, variable.axes
    band = array if axes.band is None else array.isel({axes.band: place})
    return band.transpose(axes.time, axes.y, axes.x).data


def _places(cube: Cube, stack: Stack) -> list[int]:
    """(T,) of the stack's scenes among the cube's own dates."""
    first = stack.bands[0]
    return [(scene.bands[first].index - 1) // len(cube.bands) for scene in stack.scenes]


def _in_order(stack: Stack, bands: Sequence[str]) -> Stack:
    """The same stack in an `ArrayRaster` of these bands alone."""
    scenes = [
        replace(
            scene,
            bands={
                band: replace(scene.bands[band], index=1 + t * len(bands) + b)
                for b, band in enumerate(bands)
            },
        )
        for t, scene in enumerate(stack.scenes)
    ]
    return replace(stack, scenes=tuple(scenes))


def _georeferenced(
    cube: Cube, answered: Any, targets: Sequence[str], weights: Weights
) -> "xarray.DataArray":
    import xarray

    like, axes = cube.variables[0].array, cube.variables[0].axes
    own = {axes.time, axes.y, axes.x}
    kept = {
        name: coordinate
        for name, coordinate in like.coords.items()
        if set(coordinate.dims) <= own and name != "band"
    }
    found = xarray.DataArray(
        answered,
        dims=(axes.time, "band", axes.y, axes.x),
        coords={**kept, "band": list(targets)},
        name="cloud_probability",
        attrs={
            "long_name": "probability of cloud, or of cloud or shadow",
            "units": "1",
            "am4cm_version": __version__,
            "am4cm_weights": weights.name,
            "am4cm_weights_sha256": weights.sha256,
        },
    )
    placed: xarray.DataArray = found.rio.set_spatial_dims(x_dim=axes.x, y_dim=axes.y)
    if cube.grid.crs:
        placed = placed.rio.write_crs(cube.grid.crs, grid_mapping_name=like.rio.grid_mapping)
    return placed
