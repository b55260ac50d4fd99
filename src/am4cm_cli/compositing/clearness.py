"""Which observations of a window are clear, by the mask."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from am4cm_cli.classes import CLEAR, UNKNOWN
from am4cm_cli.compositing.config import CompositeConfig
from am4cm_cli.compositing.pairs import Pairs
from am4cm_cli.exporting.binaries import cut_numbers
from am4cm_cli.rasters.masks import MaskFile
from am4cm_cli.windows import inside, with_rim


@dataclass(frozen=True, kw_only=True)
class Clearness:
    """What a mask says of a window."""

    clear: NDArray[np.bool_]
    """(T, Y, X) below the threshold, and far enough from what is not."""
    answered: NDArray[np.bool_]
    """(T, Y, X) clear or not; the mask knows."""
    percent: NDArray[np.uint8]
    """(T, Y, X) probability, rounded; anything where not answered."""


def read_clearness(
    read: Callable[..., NDArray[Any]],
    mask: MaskFile,
    pairs: Pairs,
    window: Window,
    config: CompositeConfig,
) -> Clearness:
    """Read what a mask says of a window of a stack.

    Args:
        read: rasterio's, of the open mask.
        mask: its facts.
        pairs: where the stack is in it.
        window: of the stack.
        config: threshold and dilation.
    """
    shape = len(pairs.bands), window.height, window.width
    found = Clearness(
        clear=np.empty(shape, np.bool_),
        answered=np.empty(shape, np.bool_),
        percent=np.empty(shape, np.uint8),
    )
    there = Window(
        pairs.origin[1] + window.col_off,
        pairs.origin[0] + window.row_off,
        window.width,
        window.height,
    )
    wider = with_rim(there, mask.grid.shape, rim=config.dilate)
    for t, band in enumerate(pairs.bands):
        # One date at a time: with a wide rim, all of them might not fit into memory.
        (numbers,) = read(indexes=[band], window=wider)
        kinds = cut_numbers(mask, numbers, config.threshold, config.dilate)[inside(there, wider)]
        found.clear[t], found.answered[t] = kinds == CLEAR, kinds != UNKNOWN
        found.percent[t] = _percent(mask, numbers[inside(there, wider)])
    return found


def _percent(mask: MaskFile, numbers: NDArray[Any]) -> NDArray[np.uint8]:
    if numbers.dtype.kind != "f":
        return numbers
    percent: NDArray[np.uint8] = np.rint(np.nan_to_num(numbers).clip(0, 1) * 100).astype(np.uint8)
    return percent
