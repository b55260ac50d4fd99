"""The methods of the first tables, on every series."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from measuring import ALL, chosen, count
from numpy.typing import NDArray
from series import Library, Series
from variants import Answer, Variant, ask

from am4cm_cli.validation.bins import REFLECTANCE
from am4cm_cli.validation.measures import best_threshold
from am4cm_cli.validation.tallies import Tally, tally
from am4cm_cli.weights import Weights

METHODS = {
    "raw attention": "attention",
    "attention logits": "logit",
    "attention drop": "drop",
    "**drop joined with residuals: the mask**": "counterfactual",
    "the same smoothing on the blue, no network": "blue",
}
MASK = "**drop joined with residuals: the mask**"
PLAIN = "B02, the threshold that is best on flanders-2018"


@dataclass(frozen=True, kw_only=True)
class Compared:
    """All methods on one series."""

    series: Series
    answers: Mapping[str, Answer]
    """By name in METHODS."""
    threshold: float
    """Of PLAIN, in reflectance."""

    def tallies(self, target: str) -> dict[str, Tally]:
        """Counts of every method, on the pixels where all have an answer."""
        scores = {name: one.probability(target) for name, one in self.answers.items()}
        known = np.logical_and.reduce([~np.isnan(found) for found in scores.values()])
        found = {
            name: count(self.series, np.where(known, one, np.nan)) for name, one in scores.items()
        }
        return found | {PLAIN: _plain(self.series, known, self.threshold)}

    def flags(self, target: str) -> dict[str, NDArray[np.bool_]]:
        """(T, Y, X) pixels flagged by every method."""
        flags = {name: one.probability(target) >= 0.5 for name, one in self.answers.items()}
        return flags | {PLAIN: _blue(self.series) >= self.threshold}


def compare(library: Library, weights: Weights) -> dict[str, Compared]:
    """Ask every method for every series, by the name of the series."""
    everywhere = [
        library.flanders,
        library.lazio,
        library.vosges,
        *library.iberia,
        *library.simulated,
    ]
    threshold = _best_plain(library.flanders)
    return {
        series.name: Compared(
            series=series,
            answers={name: ask(_of(method), series, weights) for name, method in METHODS.items()},
            threshold=threshold,
        )
        for series in everywhere
    }


def _of(method: str) -> Variant:
    return Variant(method=method)


def _best_plain(series: Series) -> float:
    """Highest F1 for cloud on all dates."""
    return best_threshold(chosen(_plain(series, series.valid, 0.0), "cloud", ALL))


def _plain(series: Series, known: NDArray[np.bool_], threshold: float) -> Tally:
    nowhere = np.zeros(known.shape, np.bool_)
    blue = np.where(known, _blue(series), np.nan)
    found = tally(blue, series.labels, bins=REFLECTANCE, edges=nowhere, is_probability=False)
    return replace(found, threshold=threshold)


def _blue(series: Series) -> NDArray[np.float32]:
    return series.reflectance[:, series.bands.index("B02")]
