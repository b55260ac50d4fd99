"""Seams between windows: a pixel at a window's border is judged with its neighbours' planes.

Windows are computed one by one, in any order and on any machine. Each keeps the planes along its
border, so that what a pixel at a seam shows can be told once both sides are known, without reading
an image twice.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window
from torch import Tensor

from am4cm_cli.scores.neighbourhood import RIM
from am4cm_cli.windows import inside, overlap

DEEP = 2 * RIM
"""Pixels kept along a border: those to judge and, inside of them, their neighbours."""


@dataclass(frozen=True, kw_only=True)
class Strip:
    """Planes of a thin window."""

    window: Window
    planes: NDArray[np.float32]
    """(C, T, Y, X)"""


def border_windows(window: Window, shape: tuple[int, int]) -> dict[str, Window]:
    """Thin windows along those sides of a window that others adjoin, by side."""
    top, left, height, width = window.row_off, window.col_off, window.height, window.width
    high, wide = min(DEEP, height), min(DEEP, width)
    sides = {
        "top": (top > 0, Window(left, top, width, high)),
        "bottom": (top + height < shape[0], Window(left, top + height - high, width, high)),
        "left": (left > 0, Window(left, top, wide, height)),
        "right": (left + width < shape[1], Window(left + width - wide, top, wide, height)),
    }
    return {side: thin for side, (adjoined, thin) in sides.items() if adjoined}


def seams(window: Window, shape: tuple[int, int]) -> Iterator[tuple[Window, Window]]:
    """Yield the lines of a window that need others' planes, each with its surroundings."""
    for side, thin in border_windows(window, shape).items():
        line = _line(side, thin)
        top, left = max(0, line.row_off - RIM), max(0, line.col_off - RIM)
        bottom = min(shape[0], line.row_off + line.height + RIM)
        right = min(shape[1], line.col_off + line.width + RIM)
        yield line, Window(left, top, right - left, bottom - top)


def cut(planes: Tensor, window: Window, thin: Window) -> Tensor:
    """(C, T, Y, X) planes of a thin window inside a window, in memory of their own."""
    rows, cols = inside(thin, window)
    return planes[..., rows, cols].clone()


def gather(around: Window, strips: Iterable[Strip]) -> NDArray[np.float32]:
    """(C, T, Y, X) planes of a window from strips that cover it; NaN where none does."""
    found: NDArray[np.float32] | None = None
    for strip in strips:
        if found is None:
            shape = *strip.planes.shape[:2], around.height, around.width
            found = np.full(shape, np.nan, np.float32)
        meeting = overlap(around, strip.window)
        if meeting:
            here, there = meeting
            found[..., *here] = strip.planes[..., *there]
    assert found is not None
    return found


def _line(side: str, thin: Window) -> Window:
    """The outermost pixels of a strip."""
    row = thin.row_off + (thin.height - RIM if side == "bottom" else 0)
    col = thin.col_off + (thin.width - RIM if side == "right" else 0)
    if side in {"top", "bottom"}:
        return Window(col, row, thin.width, RIM)
    return Window(col, row, RIM, thin.height)
