"""Dates that lie 0.1 above or below their neighbours in every band: an offset gone wrong.

Products of processing baseline 04.00 and later carry an offset of -0.1 in reflectance. Forgotten,
it raises every pixel of a date by the same amount in every band; applied twice, it lowers them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from am4cm_cli.witnesses import SHIFT, Testimony, hear_pairs

FEWEST_WITNESSES = 2
"""Dates that must say so before another is named."""
LEAST_VOTE = 0.15
"""Of the right dates that were asked; a uniform haze is like a raised date to one here or there."""
FEWEST_OF_STEP = 3
"""Dates on either side of a step, and dates that it must explain."""


@dataclass(frozen=True, kw_only=True)
class OddDate:
    """A date whose level differs from that of its neighbours."""

    index: int
    shift: float
    """In reflectance: SHIFT or a multiple of it, up or down."""
    witnesses: int
    """Dates of the right level that say so."""


@dataclass(frozen=True, kw_only=True)
class LevelStep:
    """A date from which on the level of all differs from that of all before."""

    index: int
    shift: float
    """In reflectance: SHIFT or a multiple of it, up or down."""


@dataclass(frozen=True, kw_only=True)
class StackLevels:
    """What a stack's dates say of each other's level."""

    odd: tuple[OddDate, ...]
    steps: tuple[LevelStep, ...]
    judged: NDArray[np.bool_]
    """(T,) False for a date that no other is like, at any level: cloud, or too far away."""


def find_levels(
    reflectance: NDArray[np.float32], valid: NDArray[np.bool_], days: NDArray[np.integer]
) -> StackLevels:
    """Name the dates whose level is off; see `judge_levels`.

    Args:
        reflectance: (T, B, P) of a sample of pixels.
        valid: (T, P).
        days: (T,) days since 1970-01-01, rising.
    """
    return judge_levels(hear_pairs(reflectance, valid, days))


def judge_levels(heard: Testimony) -> StackLevels:
    """Name the dates whose level is off by what all pairs say.

    Dates that can be compared, straight or by way of others, form a group; the level of most of
    its dates is right. Where all after one date differ from all before, neither side is taken to
    be right, and the step is named instead.
    """
    odd: list[OddDate] = []
    steps: list[LevelStep] = []
    for members, level in _groups(heard):
        cut = _cut(level)
        right = _right_levels(level, cut)
        steps += _steps(heard, members, right, cut)
        odd += _odd_dates(heard, members, level - right, right)
    return StackLevels(
        odd=tuple(sorted(odd, key=lambda one: one.index)),
        steps=tuple(steps),
        judged=heard.share.max(axis=1) > 0,
    )


def level_notes(levels: StackLevels, names: Sequence[str]) -> list[str]:
    """Say in a sentence or two what is off, and what to do.

    Args:
        levels: of a stack.
        names: (T,) of its scenes.
    """
    notes = [_step_note(step, names) for step in levels.steps]
    for shift in sorted({one.shift for one in levels.odd}):
        listed = ", ".join(names[one.index] for one in levels.odd if one.shift == shift)
        notes.append(_odd_note(listed, shift))
    return notes


def _groups(heard: Testimony) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield the dates of each group, and their levels in units of SHIFT above its first date.

    Only the pairs count that join a group with the most agreement; others may contradict them.
    """
    # Here, since it takes half a second, which can pass while images are read.
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import (
        breadth_first_order,
        connected_components,
        minimum_spanning_tree,
    )

    # The tree is one of least sums; a pair that agrees wholly must not weigh 0, which is no pair.
    cost = np.where(heard.share > 0, 2 - heard.share, 0)
    tree = minimum_spanning_tree(csr_array(cost))
    _, group = connected_components(tree, directed=False)
    for first in np.unique(group, return_index=True)[1]:
        order, before = breadth_first_order(tree, first, directed=False)
        level = np.zeros(len(group), np.int64)
        for date in order[1:]:
            level[date] = level[before[date]] + heard.rise[date, before[date]]
        members = np.sort(order).astype(np.int64)
        yield members, level[members]


def _cut(level: NDArray[np.int64]) -> int:
    """Place of the first date after a step; 0 where a step explains too little."""
    off = {0: _off(level) - FEWEST_OF_STEP + 1}
    for place in range(FEWEST_OF_STEP, len(level) - FEWEST_OF_STEP + 1):
        off[place] = _off(level[:place]) + _off(level[place:])
    return min(off, key=lambda place: off[place])


def _off(level: NDArray[np.int64]) -> int:
    """How many dates don't have the commonest level."""
    return int((level != _commonest(level)).sum())


def _commonest(level: NDArray[np.int64]) -> int:
    values, counts = np.unique(level, return_counts=True)
    return int(values[counts.argmax()])


def _right_levels(level: NDArray[np.int64], cut: int) -> NDArray[np.int64]:
    return np.concatenate(
        [np.full(len(part), _commonest(part)) for part in np.split(level, [cut]) if len(part)]
    )


def _steps(
    heard: Testimony, members: NDArray[np.int64], right: NDArray[np.int64], cut: int
) -> list[LevelStep]:
    if not cut or right[cut] == right[0]:
        return []
    rise = int(right[cut] - right[0])
    says = heard.rise[np.ix_(members[cut:], members[:cut])] == rise
    if min(says.any(axis=0).sum(), says.any(axis=1).sum()) < FEWEST_WITNESSES:
        return []
    return [LevelStep(index=int(members[cut]), shift=rise * SHIFT)]


def _odd_dates(
    heard: Testimony,
    members: NDArray[np.int64],
    above: NDArray[np.int64],
    right: NDArray[np.int64],
) -> list[OddDate]:
    """Name the dates of a group that lie above or below the right level, given witnesses."""
    found = []
    for place in np.flatnonzero(above):
        date = members[place]
        others = members[(above == 0) & (right == right[place])]
        says = heard.rise[date, others][heard.share[date, others] > 0]
        witnesses = int((says == above[place]).sum())
        needed = max(FEWEST_WITNESSES, LEAST_VOTE * heard.asked[date, others].sum())
        if witnesses >= needed and witnesses > (says == 0).sum():
            shift = int(above[place]) * SHIFT
            found.append(OddDate(index=int(date), shift=shift, witnesses=witnesses))
    return found


def _step_note(step: LevelStep, names: Sequence[str]) -> str:
    high, low = ("after", "before") if step.shift > 0 else ("before", "after")
    return (
        f"From {names[step.index]} on, reflectance lies {abs(step.shift):.1f} {_side(step.shift)} "
        f"that of the dates before in every band: an offset of -0.1 (processing baseline 04.00 and "
        f"later) is missing {high} that date, or applied wrongly {low} it. {REMEDY}"
    )


def _odd_note(listed: str, shift: float) -> str:
    here, around = ("missing", "applied wrongly") if shift > 0 else ("applied wrongly", "missing")
    return (
        f"{listed}: reflectance lies {abs(shift):.1f} {_side(shift)} that of the dates around in "
        f"every band, so its clouds cannot be told: an offset of -0.1 (processing baseline 04.00 "
        f"and later) is {here} there, or {around} around. {REMEDY}"
    )


def _side(shift: float) -> str:
    return "above" if shift > 0 else "below"


REMEDY = (
    "Mend what these files declare (gdal_edit.py -scale 0.0001 -offset -0.1 FILE, or -offset 0), "
    "or fetch them again; --offset is for all dates alike, so it helps only where all need it."
)
