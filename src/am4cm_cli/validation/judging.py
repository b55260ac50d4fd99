"""Every method against a reference on the same pixels, window by window."""

from collections.abc import Sequence
from functools import reduce
from operator import add

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from am4cm_cli.errors import DataError
from am4cm_cli.progress import Track
from am4cm_cli.rasters.cache import bounded_cache
from am4cm_cli.validation.matching import Matches, match
from am4cm_cli.validation.methods import Method
from am4cm_cli.validation.references import Reference
from am4cm_cli.validation.tallies import EDGE, Tally, near_edge, tally
from am4cm_cli.windows import tile_grid

WINDOW_BYTES = 128 * 2**20
"""Of one window's reflectance in ten bands over all dates."""
LARGEST_TILE = 512
NAMED = 10
"""Dates that a note names; more are counted."""


def common_dates(names: Sequence[str], source: str, reference: Reference) -> Matches:
    """Dates that both have.

    Args:
        names: of the dates of a mask or stack.
        source: what the user calls it.
        reference: to match with.

    Raises:
        DataError: there are none.
    """
    found = match(names, reference.names)
    if not found.pairs:
        raise DataError(
            f"{reference.source}: none of its {len(reference.names)} dates "
            f"({reference.names[0]} to {reference.names[-1]}) is one of {source}'s "
            f"({names[0]} to {names[-1]}). Give the reference of these dates."
        )
    return found


def date_notes(source: str, reference: Reference, dates: Matches) -> list[str]:
    """Name the dates that only one side has."""
    sides = {
        f"Not in the reference {reference.source}": dates.only_here,
        f"Not in {source}": dates.only_there,
    }
    return [f"{text}, so left out: {listed(names)}." for text, names in sides.items() if names]


def listed(names: Sequence[str]) -> str:
    """Names in a sentence, the first NAMED of them."""
    more = len(names) - NAMED
    shown = ", ".join(names[:NAMED])
    return f"{shown} and {more} more" if more > 0 else shown


def judge(
    methods: Sequence[Method],
    reference: Reference,
    dates: Sequence[str],
    shape: tuple[int, int],
    *,
    track: Track = iter,
) -> list[Tally]:
    """Count every method's scores where all of them have one.

    Args:
        methods: the first is the one judged.
        reference: on their grid.
        dates: names of the T dates in the reference, in the methods' order.
        shape: (Y, X) of the grid.
        track: to follow the windows.

    Returns:
        A tally per method, in their order.
    """
    side = _tile_side(len(dates))
    windows = track(list(tile_grid(shape, size=side)))
    with bounded_cache():
        parts = (_window(methods, reference, dates, window, shape) for window in windows)
        return reduce(lambda sums, part: list(map(add, sums, part)), parts)


def _window(
    methods: Sequence[Method],
    reference: Reference,
    dates: Sequence[str],
    window: Window,
    shape: tuple[int, int],
) -> list[Tally]:
    labels, edges = _labels(reference, dates, window, shape)
    scores = [method.read(window) for method in methods]
    missing = np.logical_or.reduce([np.isnan(one) for one in scores])
    return [
        tally(
            np.where(missing, np.nan, one),
            labels,
            bins=method.bins,
            edges=edges,
            is_probability=method.is_probability,
        )
        for method, one in zip(methods, scores, strict=True)
    ]


def _labels(
    reference: Reference, dates: Sequence[str], window: Window, shape: tuple[int, int]
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """(T, Y, X) classes of a window, and where a border is near, beyond the window too."""
    (top, bottom), (left, right) = window.toranges()
    row, col = max(top - EDGE, 0), max(left - EDGE, 0)
    wide = Window.from_slices(
        (row, min(bottom + EDGE, shape[0])), (col, min(right + EDGE, shape[1]))
    )
    labels = np.stack([reference.read(date, wide) for date in dates])
    edges = np.stack([near_edge(date) for date in labels])
    inner = np.s_[:, top - row : bottom - row, left - col : right - col]
    return labels[inner], edges[inner]


def _tile_side(dates: int) -> int:
    """The side of a window whose reflectance takes at most WINDOW_BYTES in ten bands."""
    side = int((WINDOW_BYTES / (40 * dates)) ** 0.5)
    return max(16, min(LARGEST_TILE, side - side % 16))
