"""When a calibration no longer fits the dates of a mask."""

from collections.abc import Sequence

from am4cm_cli.marks import CalibratedOn, Mark

MOST_ADDED = 1 / 3
"""Share of a mask's dates that its calibration may not have seen. On flanders-2018, fitted to some
months and used for more, 14 of 14 such masks are within 2 % of pixel-dates of a refit at 50 %;
beyond, 29 of 52 are, the farthest is 22 % off. Dates alone do not tell all: on vosges-theia a
refit moved up to 9 % of pixel-dates before this, 13 % after."""


def added_dates(marks: Sequence[Mark]) -> int:
    """How many of a mask's dates its calibration was not fitted to."""
    return sum(not mark.fitted for mark in marks)


def refit_due(marks: Sequence[Mark]) -> bool:
    """Whether these are too many."""
    return added_dates(marks) > MOST_ADDED * len(marks)


def refit_line(fitted: CalibratedOn, marks: Sequence[Mark]) -> str:
    """What a calibration was fitted to, what came after, and what to do."""
    line = f"fitted on {_dates(fitted.dates)}, {fitted.first} to {fitted.last}"
    added = added_dates(marks)
    if not added:
        return line
    due = "a refit is due (mask without --update)" if refit_due(marks) else "no refit is due yet"
    return f"{line}; {_dates(added)} of {len(marks)} {_were(added)} added since: {due}"


def _dates(count: int) -> str:
    return "1 date" if count == 1 else f"{count} dates"


def _were(count: int) -> str:
    return "was" if count == 1 else "were"
