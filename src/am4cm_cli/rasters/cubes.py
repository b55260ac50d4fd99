"""Planes of a cube, read as bands of a raster are."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from am4cm_cli.stacks.cube_files import open_cube, reading
from am4cm_cli.stacks.cubes import Cube, CubeVariable, read_cube

Places = slice | NDArray[np.int64]
"""Along one axis."""
EDGE = 1e-10
"""In pixels: a centre so close to an edge lies beyond it, as GDAL has it."""


@dataclass(frozen=True, kw_only=True)
class CubeRaster:
    """A cube, read by the numbers of its planes; threads may share it."""

    cube: Cube
    path: Path
    dataset: Any = None
    """To be closed with it, where it was opened for it."""

    @property
    def shape(self) -> tuple[int, int]:
        """(Y, X) pixels."""
        return self.cube.grid.shape

    def read(
        self,
        indexes: Sequence[int],
        *,
        window: Window | None = None,
        out: NDArray[Any] | None = None,
        out_shape: tuple[int, ...] | None = None,
    ) -> NDArray[Any]:
        """(N, Y, X) numbers of some planes, as rasterio's method of that name.

        Planes of one variable are read at once, since those of several dates may be stored
        together.
        """
        rows, cols = _pixels(self.shape, window, out_shape)
        found = np.empty((len(indexes), _length(rows), _length(cols)), self._dtype(indexes))
        found = found if out is None else out
        for number, wanted in self._by_variable(indexes).items():
            dates = sorted({date for date, _ in wanted.values()})
            bands = sorted({band for _, band in wanted.values()})
            block = self._read(self.cube.variables[number], dates, bands, rows, cols)
            for place, (date, band) in wanted.items():
                found[place] = block[dates.index(date), bands.index(band)]
        return found

    def close(self) -> None:
        """Let go of the file."""
        if self.dataset is not None:
            with reading(self.path):
                self.dataset.close()

    def _by_variable(self, indexes: Sequence[int]) -> dict[int, dict[int, tuple[int, int]]]:
        """Of each variable, by place among those asked for, the date and band in it."""
        wanted: defaultdict[int, dict[int, tuple[int, int]]] = defaultdict(dict)
        for place, index in enumerate(indexes):
            date, plane = divmod(index - 1, len(self.cube.bands))
            number, band = self.cube.bands[plane]
            wanted[number][place] = date, band
        return wanted

    def _dtype(self, indexes: Sequence[int]) -> np.dtype[Any]:
        numbers = self._by_variable(indexes)
        return np.result_type(
            *(self.cube.variables[number].array.dtype.newbyteorder("=") for number in numbers)
        )

    def _read(
        self,
        variable: CubeVariable,
        dates: Sequence[int],
        bands: Sequence[int],
        rows: Places,
        cols: Places,
    ) -> NDArray[Any]:
        """Read (dates, bands, Y, X) of one variable."""
        axes = variable.axes
        at = {axes.time: _places(dates), axes.y: rows, axes.x: cols}
        if axes.band is not None:
            at[axes.band] = _places(bands)
        with reading(self.path):
            block: NDArray[Any] = variable.array.variable.isel(at).transpose(*axes.order).values
        return block if axes.band is not None else block[:, None]


@dataclass(frozen=True, kw_only=True)
class ArrayRaster:
    """Planes in memory, numbered from 1: date by date, and of each date band by band."""

    numbers: NDArray[Any]
    """(T, B, Y, X)"""

    @property
    def shape(self) -> tuple[int, int]:
        """(Y, X) pixels."""
        height, width = self.numbers.shape[-2:]
        return height, width

    def read(
        self,
        indexes: Sequence[int],
        *,
        window: Window | None = None,
        out: NDArray[Any] | None = None,
        out_shape: tuple[int, ...] | None = None,
    ) -> NDArray[Any]:
        """(N, Y, X) numbers, as `CubeRaster.read` does."""
        rows, cols = _pixels(self.shape, window, out_shape)
        planes = self.numbers.reshape(-1, *self.shape)[:, rows][..., cols]
        return np.take(planes, np.array(indexes) - 1, axis=0, out=out)

    def close(self) -> None:
        """Do nothing: memory is its owner's."""


def open_cube_raster(path: Path) -> CubeRaster:
    """Open a Zarr store or NetCDF file whose planes are to be read.

    Raises:
        StackError: it is damaged.
    """
    dataset = open_cube(path)
    return CubeRaster(cube=read_cube(dataset, str(path)), path=path, dataset=dataset)


def _pixels(
    grid: tuple[int, int], window: Window | None, shape: tuple[int, ...] | None
) -> tuple[Places, Places]:
    """Rows and columns to read: those of a window, or the nearest to those of a coarser grid."""
    window = window or Window(0, 0, grid[1], grid[0])
    if shape is None:
        rows, cols = window.toslices()
        return rows, cols
    down, right = shape[-2:]
    return (
        _nearest(window.row_off, window.height, down, grid[0]),
        _nearest(window.col_off, window.width, right, grid[1]),
    )


def _nearest(start: float, length: float, count: int, most: int) -> NDArray[np.int64]:
    """(count,) pixels of an axis of so many, under the centres of larger ones, as GDAL has it."""
    centres = start + (np.arange(count) + 0.5) * (length / count)
    return np.clip((centres + EDGE).astype(np.int64), 0, most - 1)


def _places(numbers: Sequence[int]) -> Places:
    """A slice where that says the same, which files are read by faster."""
    first, last = numbers[0], numbers[-1]
    return slice(first, last + 1) if last - first + 1 == len(numbers) else np.array(numbers)


def _length(places: Places) -> int:
    return places.stop - places.start if isinstance(places, slice) else len(places)
