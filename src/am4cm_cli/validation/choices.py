"""Choices of dates and pixels: each is a row of a table."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from am4cm_cli.classes import SHADOW, THICK, THIN

ALL = "all dates"
MIXED = "mixed dates"
KINDS = {THICK: "thick cloud", THIN: "thin cloud", SHADOW: "shadow"}


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Which dates and pixels to score on."""

    name: str
    dates: NDArray[np.bool_]
    """(T,)"""
    kinds: tuple[int, ...] | None = None
    """Only these classes against clear; all of the target's if None."""
    only_edges: bool = False


def choices(
    labels: NDArray[np.integer], *, names: Sequence[str] = (), without: Collection[str] = ()
) -> list[Choice]:
    """List what to score on.

    Args:
        labels: (T, 5) pixels by date and class, as in `tallies.Tally`.
        names: of the T dates; only needed for `without`.
        without: names of dates to leave out in rows of their own.
    """
    every = np.ones(len(labels), np.bool_)
    mixed = (labels > 0).sum(axis=1) > 1
    found = [Choice(name=ALL, dates=every), Choice(name=MIXED, dates=mixed)]
    if without:
        kept = np.array([name not in without for name in names])
        left = f"without {len(kept) - int(kept.sum())}"
        found.append(Choice(name=f"{ALL} {left}", dates=kept))
        found.append(Choice(name=f"{MIXED} {left}", dates=mixed & kept))
    present = [kind for kind in KINDS if labels[:, kind].any()]
    # Where a reference tells one kind alone, that row would repeat the first.
    kinds = present if len(present) > 1 else []
    return [
        *found,
        Choice(name="uniform dates", dates=~mixed),
        *(Choice(name=KINDS[kind], dates=every, kinds=(kind,)) for kind in kinds),
        Choice(name="edges", dates=every, only_edges=True),
    ]
