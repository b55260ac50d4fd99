"""Label rasters: classes, what is unlabelled, and the groups that stay whole in a split."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.errors import RasterioError
from rasterio.windows import Window
from scipy import ndimage

from am4cm_cli.errors import DataError
from am4cm_cli.stacks.grids import describe
from am4cm_cli.stacks.headers import not_georeferenced_is_fine
from am4cm_cli.stacks.lattices import place_on
from am4cm_cli.stacks.stack import Grid

CLASS_TAG = "CLASS_"
"""Dataset tags CLASS_1, CLASS_2, ... name the codes of a label raster."""


@dataclass(frozen=True, kw_only=True)
class Labels:
    """A class code for every pixel of a grid."""

    path: Path
    codes: NDArray[np.int64]
    """(Y, X)"""
    unlabelled: frozenset[int]
    names: Mapping[int, str]
    """Of the codes in use, unlabelled ones left out; a code without a name is named by itself."""

    @property
    def labelled(self) -> NDArray[np.bool_]:
        """(Y, X) True where the pixel has a class."""
        return ~np.isin(self.codes, list(self.unlabelled))


def read_labels(path: Path, grid: Grid, *, unlabelled: Sequence[int] | None = None) -> Labels:
    """Read the first band of a label raster.

    Args:
        path: an integer raster on the stack's grid, or on more of the same pixels.
        grid: of the stack.
        unlabelled: codes that are no class; the raster's nodata and 0 if None.

    Raises:
        DataError: not readable, not of integers, on another grid, or nothing is labelled.
    """
    codes, nodata, tags = _read(path, grid)
    none = {0} if unlabelled is None else set(unlabelled)
    none |= {int(nodata)} if nodata is not None and unlabelled is None else set()
    in_use = [int(code) for code in np.unique(codes) if int(code) not in none]
    if not in_use:
        raise DataError(
            f"{path}: no labelled pixel; found only {sorted(none)}, which count as unlabelled. "
            "Name the codes that are no class with --unlabelled."
        )
    names = {code: tags.get(f"{CLASS_TAG}{code}", str(code)) for code in in_use}
    return Labels(path=path, codes=codes, unlabelled=frozenset(none), names=names)


def field_groups(labels: Labels) -> NDArray[np.int64]:
    """Number the fields: connected pixels of one class, (Y, X), 0 where unlabelled."""
    return _connected(labels, np.ones(labels.codes.shape, np.bool_))


def _connected(labels: Labels, within: NDArray[np.bool_]) -> NDArray[np.int64]:
    groups = np.zeros(labels.codes.shape, np.int64)
    total = 0
    for code in labels.names:
        fields, count = ndimage.label((labels.codes == code) & within)
        groups[fields > 0] = fields[fields > 0] + total
        total += count
    return groups


def block_groups(shape: tuple[int, int], *, side: int) -> NDArray[np.int64]:
    """Number square blocks of `side` pixels, (Y, X) from 1."""
    height, width = shape
    across = -(-width // side)
    rows, cols = np.arange(height) // side, np.arange(width) // side
    return rows[:, None] * across + cols[None, :] + 1


def read_groups(path: Path, labels: Labels, grid: Grid) -> NDArray[np.int64]:
    """Number the fields by the first band of a raster on the stack's grid.

    Where that raster tells no field, by 0 or its nodata, connected pixels of one class are one.

    Returns:
        (Y, X) from 1, whatever the raster's own numbers; 0 where neither field nor label.
    """
    numbers, nodata, _ = _read(path, grid)
    no_field = np.isin(numbers, [0] if nodata is None else [0, int(nodata)])
    known, place = np.unique(numbers, return_inverse=True)
    apart = _connected(labels, no_field)
    groups = np.where(apart > 0, apart + len(known), 0)
    return np.where(no_field, groups, place.reshape(numbers.shape) + 1)


def _held(own: Grid, grid: Grid) -> Window | None:
    """The part of a raster that is a grid, which may be cropped; None if it isn't there."""
    placed = place_on(grid, own)
    if placed is None or placed.factor > 1:
        return None
    (height, width), (row, col) = grid.shape, placed.origin
    is_within = 0 <= row <= own.shape[0] - height and 0 <= col <= own.shape[1] - width
    return Window(col, row, width, height) if is_within else None


def _read(path: Path, grid: Grid) -> tuple[NDArray[np.int64], float | None, dict[str, Any]]:
    try:
        with not_georeferenced_is_fine(), rasterio.open(path) as raster:
            own = Grid(crs=raster.crs or CRS(), transform=raster.transform, shape=raster.shape)
            window = _held(own, grid)
            if window is not None:
                _check_codes(path, raster.dtypes)  # before memory is taken for its pixels
                codes = raster.read(1, window=window).astype(np.int64)
                return codes, raster.nodata, raster.tags()
    except RasterioError as error:
        raise DataError(
            f"{path}: cannot be read as a raster ({error.__cause__ or error}). Name another."
        ) from error
    raise DataError(
        f"{path}: lies on another grid. Found {describe(own)}; expected {describe(grid)}. "
        "Bring it onto the images' grid, for example with gdalwarp; gdal_edit.py -a_srs sets a "
        "CRS that is merely missing."
    )


def _check_codes(path: Path, dtypes: Sequence[str]) -> None:
    if not dtypes or np.dtype(dtypes[0]).kind not in "iu":
        found = f"{dtypes[0]} pixels" if dtypes else "no band"
        raise DataError(f"{path}: found {found}, expected integer codes. Convert it.")
