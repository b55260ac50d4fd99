"""Maps of large grids in few pixels, each of which shows the worst that lies in it."""

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window


class Mosaic:
    """A map that is put together window by window."""

    def __init__(
        self, shape: tuple[int, int], grid_shape: tuple[int, int], worst: np.ufunc, start: int
    ) -> None:
        """Show a grid in a shape of at most its own pixels.

        Args:
            shape: (Y, X) of the map.
            grid_shape: (Y, X) of the grid.
            worst: of two values, np.maximum or np.minimum.
            start: less bad than any value.
        """
        self.values = np.full(shape, start, np.int64)
        """(Y, X)"""
        self._grid_shape = grid_shape
        self._worst = worst

    def add(self, window: Window, values: NDArray[np.integer]) -> None:
        """Put in the (Y, X) values of a window."""
        rows, cols = (
            shown_places(start, count, whole, shown)
            for start, count, whole, shown in zip(
                (window.row_off, window.col_off),
                values.shape,
                self._grid_shape,
                self.values.shape,
                strict=True,
            )
        )
        thin = self._worst.reduceat(values, _starts(rows), axis=0)
        thin = self._worst.reduceat(thin, _starts(cols), axis=1)
        # Windows may meet within a pixel of the map.
        place = slice(rows[0], rows[-1] + 1), slice(cols[0], cols[-1] + 1)
        self.values[place] = self._worst(self.values[place], thin)


def shown_places(start: int, count: int, whole: int, shown: int) -> NDArray[np.int64]:
    """(count,) which of `shown` pixels along an axis show each of `whole` by its centre."""
    return (2 * np.arange(start, start + count) + 1) * shown // (2 * whole)


def _starts(places: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where runs of equal places begin."""
    return np.flatnonzero(np.diff(places, prepend=-1))
