"""Probabilities cut at a threshold: 0 clear, 1 masked, 255 nodata."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from am4cm_cli.classes import CLEAR, MASKED, UNKNOWN
from am4cm_cli.exporting.copies import create_like, window_side
from am4cm_cli.exporting.dilation import dilate
from am4cm_cli.progress import Track
from am4cm_cli.rasters.masks import MaskFile, is_valid, opened
from am4cm_cli.storage import Storage
from am4cm_cli.windows import inside, tile_grid, with_rim

BINARY = "binary mask"


def write_binary(
    mask: MaskFile,
    out: Path,
    storage: Storage,
    *,
    threshold: float,
    radius: int,
    shown: Path | None = None,
    side: int | None = None,
    track: Track = iter,
) -> None:
    """Write a uint8 raster of the same dates.

    Args:
        mask: of probabilities.
        out: raster to write.
        storage: how.
        threshold: percent, from which on a pixel is masked.
        radius: pixels of the disc that what is masked grows by; nodata neither grows nor gives way.
        shown: what a message calls it; out if None.
        side: of the windows, by memory if None; no pixel depends on it.
        track: follows the windows.
    """
    tags = {"AM4CM_THRESHOLD": f"{threshold:g}", "AM4CM_DILATE": str(radius)}
    like = create_like(
        mask,
        out,
        storage,
        names=mask.names,
        content=BINARY,
        shown=shown or out,
        tags=tags,
        dtype="uint8",
    )
    with opened(mask) as read, like as raster:
        for window in track(list(tile_grid(mask.grid.shape, size=side or window_side(mask)))):
            wider = with_rim(window, mask.grid.shape, rim=radius)
            cut = np.empty((len(mask.names), window.height, window.width), np.uint8)
            for index, band in enumerate(cut, start=1):
                # One date at a time: with a wide rim, all of them might not fit into memory.
                (numbers,) = read(indexes=[index], window=wider)
                band[:] = cut_numbers(mask, numbers, threshold, radius)[inside(window, wider)]
            raster.write(cut, window)


def is_flagged(mask: MaskFile, numbers: NDArray[Any], threshold: float) -> NDArray[np.bool_]:
    """Where numbers of a mask are an answer of at least a threshold in percent."""
    flagged: NDArray[np.bool_] = numbers >= threshold * mask.full / 100
    return flagged & is_valid(mask, numbers)


def cut_numbers(
    mask: MaskFile, numbers: NDArray[Any], threshold: float, radius: int
) -> NDArray[np.uint8]:
    """(Y, X) numbers of a mask to CLEAR, MASKED or UNKNOWN."""
    masked = dilate(is_flagged(mask, numbers, threshold), radius)
    kinds = np.where(masked, MASKED, CLEAR)
    return np.where(is_valid(mask, numbers), kinds, UNKNOWN).astype(np.uint8)
