"""How good an answer is on a series."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from series import Library, Series
from variants import Variant, ask

from am4cm_cli.classes import CLEAR, UNKNOWN
from am4cm_cli.validation.bins import PROBABILITY
from am4cm_cli.validation.choices import Choice, choices
from am4cm_cli.validation.counts import DateCounts
from am4cm_cli.validation.measures import measure
from am4cm_cli.validation.tallies import Tally, tally
from am4cm_cli.weights import Weights

ALL, MIXED = 0, 1
"""Places of the first two of `choices`."""

Probabilities = dict[str, NDArray[np.float64]]
"""(T, Y, X) by target, NaN for no answer."""
Ask = Callable[[Series], Probabilities]


def asking(variant: Variant, weights: Weights) -> Ask:
    """What asks a variant."""

    def probabilities(series: Series) -> Probabilities:
        answer = ask(variant, series, weights)
        return {"cloud": answer.cloud, "unusable": answer.unusable}

    return probabilities


def count(series: Series, scores: NDArray[np.floating]) -> Tally:
    """Counts of scores from 0 to 1; borders are left aside."""
    nowhere = np.zeros(series.labels.shape, np.bool_)
    return tally(scores, series.labels, bins=PROBABILITY, edges=nowhere)


def chosen(counts: Tally, target: str, choice: int) -> DateCounts:
    """Counts of a target on all or on mixed dates."""
    return counts.counts_for(target, _choices(counts)[choice])


def _choices(counts: Tally) -> list[Choice]:
    return choices(counts.labels)


def flagged_share(series: Series, scores: NDArray[np.floating], kind: int = CLEAR) -> float:
    """Share of the pixels of a class that a probability of 50 % flags; NaN without any."""
    used = (series.labels == kind) & ~np.isnan(scores)
    return float((scores[used] >= 0.5).mean()) if used.any() else float("nan")


@dataclass(frozen=True, kw_only=True)
class Marks:
    """A variant on the series that ablations are judged by: area and F1 at 50 % each."""

    cloud: tuple[float, float]
    """flanders-2018 by eye, all dates."""
    cloud_mixed: tuple[float, float]
    unusable: tuple[float, float]
    unusable_mixed: tuple[float, float]
    simulated_cloud: tuple[float, float]
    """Means of the two simulated stacks."""
    simulated_unusable: tuple[float, float]
    false_alarm: tuple[float, float]
    """vosges-theia: shares of clear dates flagged as cloud and as cloud or shadow."""
    answered: float
    """Share of flanders-2018's observations that have an answer."""


def mark(ask_series: Ask, library: Library) -> Marks:
    """Measure one way of asking."""
    flanders = ask_series(library.flanders)
    vosges = ask_series(library.vosges)
    by_eye = {name: count(library.flanders, scores) for name, scores in flanders.items()}
    exact = [(series, ask_series(series)) for series in library.simulated]
    return Marks(
        cloud=area_and_f1(chosen(by_eye["cloud"], "cloud", ALL)),
        cloud_mixed=area_and_f1(chosen(by_eye["cloud"], "cloud", MIXED)),
        unusable=area_and_f1(chosen(by_eye["unusable"], "unusable", ALL)),
        unusable_mixed=area_and_f1(chosen(by_eye["unusable"], "unusable", MIXED)),
        simulated_cloud=_mean(exact, "cloud"),
        simulated_unusable=_mean(exact, "unusable"),
        false_alarm=(
            flagged_share(library.vosges, vosges["cloud"]),
            flagged_share(library.vosges, vosges["unusable"]),
        ),
        answered=answered(library.flanders, flanders["cloud"]),
    )


def answered(series: Series, scores: NDArray[np.floating]) -> float:
    """Share of the observations with a label that have an answer."""
    seen = series.valid & (series.labels != UNKNOWN)
    return float((~np.isnan(scores[seen])).mean())


def area_and_f1(counts: DateCounts) -> tuple[float, float]:
    """Of all dates counted."""
    found = measure(counts)
    return found["auc"], found["f1"]


def target_marks(series: Series, scores: NDArray[np.floating], target: str) -> tuple[float, float]:
    """Area and F1 at 50 % on all dates of a series."""
    return area_and_f1(chosen(count(series, scores), target, ALL))


def _mean(exact: Sequence[tuple[Series, Probabilities]], target: str) -> tuple[float, float]:
    both = [target_marks(series, found[target], target) for series, found in exact]
    area, f1 = np.mean(both, axis=0)
    return float(area), float(f1)
