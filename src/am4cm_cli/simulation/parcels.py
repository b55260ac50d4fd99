"""Fields cut out of a landscape: blocks of different orientation, strips within, cells within."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from am4cm_cli.simulation.fractals import fractal

BLOCK = 72
"""Typical side of a block of fields in pixels."""

LANE = 0.9
"""Half the width in pixels of the lanes between blocks."""

STRIP = (13.0, 0.35)
"""Median in pixels and log-deviation of a strip's width; a cell's length is up to thrice that."""


@dataclass(frozen=True, kw_only=True)
class Parcels:
    """Which field a pixel belongs to."""

    fields: NDArray[np.int32]
    """(Y, X), 1 to `count`; 0 is a lane."""
    count: int

    @property
    def inner(self) -> NDArray[np.bool_]:
        """(Y, X), True where all eight neighbours are of the same field."""
        low = ndimage.minimum_filter(self.fields, 3)
        high = ndimage.maximum_filter(self.fields, 3)
        same: NDArray[np.bool_] = (low == high) & (self.fields > 0)
        return same


def cut_parcels(
    rng: np.random.Generator, shape: tuple[int, int], *, strip: float = STRIP[0]
) -> Parcels:
    """Cut a (Y, X) grid into fields of about half a hectare to ten hectares.

    Args:
        rng: Decides where.
        shape: (Y, X).
        strip: Median width of a strip in pixels.
    """
    # Bent borders: everything is cut in slightly wavy coordinates.
    rows, cols = np.indices(shape, dtype=np.float32)
    rows += 2.5 * fractal(rng, shape, slope=4.5)
    cols += 2.5 * fractal(rng, shape, slope=4.5)
    block, lane = _blocks(rng, rows, cols)
    cells = np.zeros(rows.size, np.int64)
    for index, inside in _groups(block.ravel()):
        places = _cells(rng, rows.ravel()[inside], cols.ravel()[inside], strip)
        cells[inside] = index * 1_000_000 + places
    cells[lane.ravel()] = -1
    return _numbered(cells.reshape(shape))


def _groups(names: NDArray[np.int64]) -> Iterator[tuple[int, NDArray[np.intp]]]:
    """Each distinct name with the places (P,) where it stands, in one pass for all."""
    order = np.argsort(names, kind="stable")
    distinct, first = np.unique(names[order], return_index=True)
    yield from zip(distinct.tolist(), np.split(order, first[1:]), strict=True)


def _blocks(
    rng: np.random.Generator, rows: NDArray[np.float32], cols: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Index of the nearest block centre, and where the two nearest are about as near."""
    height, width = rows.shape
    count = max(2, round(height * width / BLOCK**2))
    centres = rng.uniform(-0.1, 1.1, (count, 2)) * (height, width)
    found = cKDTree(centres).query(np.stack([rows, cols], -1), k=2)
    distance, index = np.asarray(found[0]), np.asarray(found[1])
    gap = np.linalg.norm(centres[index[..., 0]] - centres[index[..., 1]], axis=-1)
    # From a pixel to the line halfway between two centres.
    away = (distance[..., 1] ** 2 - distance[..., 0] ** 2) / (2 * np.maximum(gap, 1e-6))
    return index[..., 0], away < LANE


def _cells(
    rng: np.random.Generator, rows: NDArray[np.float32], cols: NDArray[np.float32], median: float
) -> NDArray[np.int64]:
    """(P,) number of each pixel's cell in a block of random orientation and grain."""
    turn = rng.uniform(0, np.pi)
    across = rows * np.cos(turn) - cols * np.sin(turn)
    along = cols * np.cos(turn) + rows * np.sin(turn)
    width = median * rng.lognormal(0, STRIP[1])
    strip = np.searchsorted(_cuts(rng, across, width), across)
    cell = np.zeros(len(rows), np.int64)
    for _, inside in _groups(strip):
        length = width * rng.uniform(1.0, 3.0)
        cell[inside] = np.searchsorted(_cuts(rng, along[inside], length), along[inside])
    numbers: NDArray[np.int64] = strip * 1000 + cell
    return numbers


def _cuts(
    rng: np.random.Generator, position: NDArray[np.float32], step: float
) -> NDArray[np.float64]:
    """Places to cut, unevenly spaced, from the least to beyond the greatest position."""
    low, high = float(position.min()), float(position.max())
    steps = step * rng.lognormal(-0.06, 0.35, int((high - low) / step * 2) + 2)
    places: NDArray[np.float64] = low + steps.cumsum() - steps[0] * rng.uniform()
    return places


def _numbered(cells: NDArray[np.int64]) -> Parcels:
    """Fields from 1, in the order of their cells; lanes are 0."""
    names, fields = np.unique(cells, return_inverse=True)
    first = 0 if names[0] == -1 else 1
    numbers = (fields.reshape(cells.shape) + first).astype(np.int32)
    return Parcels(fields=numbers, count=len(names) - 1 + first)
