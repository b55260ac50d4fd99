"""One date of a reference as numbers, window by window."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import rasterio
from numpy.typing import NDArray
from rasterio.errors import RasterioError
from rasterio.windows import Window

from am4cm_cli.errors import DataError
from am4cm_cli.stacks.dates import Moment
from am4cm_cli.stacks.grids import describe, factor_on
from am4cm_cli.stacks.headers import Header, has_transform, not_georeferenced_is_fine
from am4cm_cli.stacks.stack import Grid


class Layer(Protocol):
    """One date."""

    @property
    def moment(self) -> Moment:
        """When it was taken."""

    def read(self, window: Window) -> NDArray[Any]:
        """(Y, X) numbers as stored."""


@dataclass(frozen=True, kw_only=True)
class ArrayLayer:
    """A date of an array in memory."""

    moment: Moment
    numbers: NDArray[Any]
    """(Y, X)"""

    def read(self, window: Window) -> NDArray[Any]:
        """(Y, X) numbers as stored."""
        part: NDArray[Any] = self.numbers[window.toslices()]
        return part


@dataclass(frozen=True, kw_only=True)
class RasterLayer:
    """A band of a raster, on the mask's pixels or on coarser ones, which are repeated."""

    moment: Moment
    path: Path
    index: int
    """Band number, from 1."""
    factor: int
    """Side of its pixels in pixels of the mask."""

    def read(self, window: Window) -> NDArray[Any]:
        """(Y, X) numbers as stored."""
        (top, bottom), (left, right) = window.toranges()
        row, col = top // self.factor, left // self.factor
        size = -(-right // self.factor) - col, -(-bottom // self.factor) - row
        coarse = self._stored(Window(col, row, *size))
        fine = coarse.repeat(self.factor, axis=0).repeat(self.factor, axis=1)
        row, col = top - row * self.factor, left - col * self.factor
        part: NDArray[Any] = fine[row : row + window.height, col : col + window.width]
        return part

    def _stored(self, window: Window) -> NDArray[Any]:
        try:
            with not_georeferenced_is_fine(), rasterio.open(self.path) as raster:
                numbers: NDArray[Any] = raster.read(self.index, window=window)
        except RasterioError as error:
            raise DataError(
                f"{self.path}: its pixels cannot be read ({error.__cause__ or error}); the file "
                "is damaged or has gone. Fetch it again, or remove it."
            ) from error
        return numbers


def array_layers(
    numbers: NDArray[Any], moments: list[Moment], grid: Grid, source: str
) -> list[ArrayLayer]:
    """Dates of (T, Y, X) numbers; DataError if these are not on the grid."""
    expected = len(moments), *grid.shape
    if numbers.shape != expected:
        raise DataError(
            f"{source}: has numbers of shape {numbers.shape}; expected {expected}, dates by rows "
            "by columns of the mask. Give the reference of this mask."
        )
    pairs = zip(moments, numbers, strict=True)
    return [ArrayLayer(moment=moment, numbers=date) for moment, date in pairs]


def raster_layer(header: Header, index: int, moment: Moment, grid: Grid) -> RasterLayer:
    """A band of a raster; an error if it does not lie on the grid, coarser pixels allowed."""
    if has_transform(header.grid.transform) and has_transform(grid.transform):
        factor = factor_on(grid, header)
    elif header.grid.shape == grid.shape:
        factor = 1
    else:
        raise DataError(
            f"{header.path}: lies on another grid. Found {describe(header.grid)}; expected "
            f"{describe(grid)}. Give the reference of this mask."
        )
    return RasterLayer(moment=moment, path=header.path, index=index, factor=factor)
