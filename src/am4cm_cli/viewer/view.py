"""How finely a page shows a mask."""

from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST_SIDE = 1024
"""Pixels along a picture."""
MOST_SHOWN = 17_000_000
"""Pixels of all dates of one picture: about 12 MB with three pictures of each date."""
MOST_LOSSLESS = 1_000_000
"""Up to so many, pictures are small enough to show every pixel as it is."""
MOST_SERIES = 500_000
"""Pixel-dates whose reflectance can be asked for."""


@dataclass(frozen=True, kw_only=True)
class View:
    """Pixels that pictures show, and those of them that have a series."""

    grid_shape: tuple[int, int]
    """(Y, X) of the mask."""
    shape: tuple[int, int]
    """(Y, X) of a picture that shows all of it."""
    rows: NDArray[np.int64]
    """(R,) rows of a picture whose pixels have a series."""
    columns: NDArray[np.int64]
    """(C,) its columns, likewise."""
    lossless: bool
    """Whether pictures show their pixels as they are."""

    @property
    def is_whole(self) -> bool:
        """Whether each pixel of a picture is one of the mask."""
        return self.shape == self.grid_shape

    def series(self, picture: NDArray[Any]) -> NDArray[Any]:
        """(..., P) of a (..., Y, X) picture: its pixels that have a series, row by row."""
        chosen = picture[..., self.rows[:, None], self.columns]
        return chosen.reshape(*picture.shape[:-2], -1)


def plan_view(grid_shape: tuple[int, int], dates: int, *, shrink: float = 1) -> View:
    """Decide how much of a grid to show.

    Args:
        grid_shape: (Y, X) of the mask.
        dates: how many it has.
        shrink: at most 1: sides of pictures, and of the lattice of series, as a share of what is
            usual.
    """
    pixels = grid_shape[0] * grid_shape[1]
    scale = min(1, MOST_SIDE / max(grid_shape), sqrt(MOST_SHOWN / dates / pixels)) * shrink
    shape = _scaled(grid_shape, scale)
    shown = shape[0] * shape[1]
    lattice = _scaled(shape, min(1, sqrt(MOST_SERIES / dates / shown) * shrink))
    rows, columns = map(_spread, lattice, shape)
    return View(
        grid_shape=grid_shape,
        shape=shape,
        rows=rows,
        columns=columns,
        lossless=shown * dates <= MOST_LOSSLESS,
    )


def _scaled(shape: tuple[int, int], scale: float) -> tuple[int, int]:
    return max(1, int(shape[0] * scale)), max(1, int(shape[1] * scale))


def _spread(count: int, length: int) -> NDArray[np.int64]:
    """(count,) places spread evenly over a length."""
    return (2 * np.arange(count) + 1) * length // (2 * count)
