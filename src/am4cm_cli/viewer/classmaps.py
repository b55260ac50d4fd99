"""Classes of a mask's dates, where they were written beside it."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import Resampling

from am4cm_cli.errors import StackError
from am4cm_cli.rasters.masks import MaskFile, open_own, opened
from am4cm_cli.stacks.grids import describe, same_grid


def open_classes(path: Path, mask: MaskFile) -> MaskFile:
    """Read the facts of a raster of classes; StackError unless it is one of the mask's dates."""
    found = open_own(path)
    if found.content != "classes":
        raise StackError(
            f"{path}: holds {found.content}, not classes; expected what am4cm mask has written "
            "for --classes."
        )
    if found.names != mask.names:
        raise StackError(
            f"{path}: has other dates than {mask.path}. Found {_told(found)}; expected "
            f"{_told(mask)}. Name the classes that were written beside this mask."
        )
    if not same_grid(found.grid, mask.grid):
        raise StackError(
            f"{path}: lies on another grid than {mask.path}. Found {describe(found.grid)}; "
            f"expected {describe(mask.grid)}."
        )
    return found


def read_classes(classes: MaskFile, index: int, shape: tuple[int, int]) -> NDArray[np.uint8]:
    """(Y, X) classes of a date, from 0, in few pixels; see `am4cm_cli.classes`."""
    with opened(classes) as read:
        found: NDArray[np.uint8] = read(
            indexes=index + 1, out_shape=shape, resampling=Resampling.nearest
        )
    return found


def _told(mask: MaskFile) -> str:
    return f"{len(mask.names)}, {mask.names[0]} to {mask.names[-1]}"
