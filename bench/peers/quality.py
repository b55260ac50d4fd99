"""Tables of how good rivals are against one reference, on the same pixels."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rivals import Rival

from am4cm_cli.classes import CLEAR, SHADOW, TARGETS, THICK, THIN
from am4cm_cli.validation.bins import PROBABILITY
from am4cm_cli.validation.choices import Choice
from am4cm_cli.validation.counts import DateCounts
from am4cm_cli.validation.intervals import interval, paired
from am4cm_cli.validation.measures import measure
from am4cm_cli.validation.tallies import Tally, tally

KINDS = {"clear": CLEAR, "thick cloud": THICK, "thin cloud": THIN, "shadow": SHADOW}
MEASURES = ("f1", "precision", "recall", "auc")


class Value(NamedTuple):
    """A measure and its 95 % interval over dates; NaN where undefined."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Trial:
    """Rivals on one series with one reference."""

    rivals: Sequence[Rival]
    """The first is the one that others are compared with."""
    labels: NDArray[np.uint8]
    """(T, Y, X)"""
    dates: Sequence[str]
    """(T,) names."""

    def tallies(self, target: str) -> list[Tally]:
        """Counts of every rival, each with its own threshold."""
        # No choice of these tables is about borders.
        nowhere = np.zeros(self.labels.shape, np.bool_)
        return [
            replace(
                tally(rival.scores[target], self.labels, bins=PROBABILITY, edges=nowhere),
                threshold=rival.threshold,
            )
            for rival in self.rivals
        ]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One rival on one choice of dates."""

    name: str
    values: Mapping[str, Value]
    ahead: Mapping[str, Value]
    """How far the first rival is ahead; empty for itself."""


def rows(trial: Trial, target: str, choice: Choice) -> list[Row]:
    """Measure every rival; areas only of those that are graded."""
    counts = [found.counts_for(target, choice) for found in trial.tallies(target)]
    first = trial.rivals[0]
    return [
        Row(
            name=rival.name,
            values=_graded(rival, _values(found)),
            ahead={} if rival is first else _graded(rival, _ahead(counts[0], found)),
        )
        for rival, found in zip(trial.rivals, counts, strict=True)
    ]


def shares(trial: Trial, target: str) -> Iterator[tuple[str, list[float]]]:
    """Name of every rival, and the share that it flags of the pixels of each of KINDS."""
    for rival in trial.rivals:
        answered = ~np.isnan(rival.scores[target])
        flagged = rival.flags(target)
        yield rival.name, [_share(flagged, answered & (trial.labels == n)) for n in KINDS.values()]


def date_shares(trial: Trial, kind: int) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Name of every rival, and the share that it flags as cloud on each date of one kind."""
    for rival in trial.rivals:
        answered = ~np.isnan(rival.scores["cloud"])
        flagged = rival.flags("cloud")
        used = answered & (trial.labels == kind)
        dates = np.flatnonzero(used.any(axis=(1, 2)))
        yield rival.name, np.array([_share(flagged[t], used[t]) for t in dates])


def always(trial: Trial, target: str) -> Iterator[tuple[str, float]]:
    """Name of every rival, and the share of pixels that it flags on over 80 % of their dates."""
    for rival in trial.rivals:
        dates = (~np.isnan(rival.scores[target])).sum(axis=0)
        flagged = rival.flags(target).sum(axis=0)
        yield rival.name, float((flagged > 0.8 * dates)[dates > 0].mean())


def pixels(trial: Trial, target: str) -> tuple[int, int, int]:
    """Dates, clear pixels and pixels of the target that a table of all dates rests on."""
    answered = ~np.isnan(trial.rivals[0].scores[target])
    clear = answered & (trial.labels == CLEAR)
    flagged = answered & np.isin(trial.labels, TARGETS[target])
    return int((clear | flagged).any(axis=(1, 2)).sum()), int(clear.sum()), int(flagged.sum())


def _share(flagged: NDArray[np.bool_], used: NDArray[np.bool_]) -> float:
    return float(flagged[used].mean()) if used.any() else float("nan")


def _values(counts: DateCounts) -> dict[str, Value]:
    found, limits = measure(counts), interval(counts)
    return {name: Value(found[name], *limits[name]) for name in MEASURES}


def _ahead(first: DateCounts, other: DateCounts) -> dict[str, Value]:
    found = paired(first, other)
    return {name: Value(*found[name]) for name in MEASURES}


def _graded(rival: Rival, values: dict[str, Value]) -> dict[str, Value]:
    return {name: value for name, value in values.items() if name != "auc" or rival.is_graded}
