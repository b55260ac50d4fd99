"""Scores sorted into bins, so that every measure comes from counts."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LOGITS = (-40.0, -15.0, 0.25), (-15.0, 15.0, 0.05), (15.0, 36.0, 0.25)
"""From, to and step: beyond, probabilities are 0 or 1 even in doubles."""
NEAR = 1e-7
"""Of a percent, or a share: what a number may lose when it is stored as a float32."""


@dataclass(frozen=True, kw_only=True)
class Bins:
    """Ascending intervals of a score; a score on an edge belongs to the interval above it."""

    edges: NDArray[np.float64]
    """(K - 1,) ascending."""
    values: NDArray[np.float64]
    """(K,) ascending: what stands for the scores of each bin."""

    def place(self, scores: NDArray[np.floating]) -> NDArray[np.int64]:
        """Bin numbers, 0 to K - 1, of (...) scores; of no meaning for NaN."""
        places: NDArray[np.int64] = np.searchsorted(self.edges, scores, side="right")
        return places

    @property
    def count(self) -> int:
        """K."""
        return len(self.values)


def _percent() -> Bins:
    steps = np.arange(101)
    return Bins(edges=(steps[1:] - 0.5) / 100, values=steps / 100)


def _probability() -> Bins:
    # Even in the logit, for most probabilities lie close to 0 or 1, and every full percent besides,
    # so that thresholds fall on edges.
    logits = np.concatenate([np.arange(*part) for part in LOGITS])
    logistic = 1 / (1 + np.exp(-logits))
    whole = np.rint(logistic * 100)
    doubled = (np.abs(logistic * 100 - whole) < NEAR) & (whole > 0) & (whole < 100)
    # A threshold belongs to the flagged side however it was rounded.
    percents = np.arange(1, 100) / 100 - NEAR
    edges = np.unique(np.concatenate([logistic[~doubled], percents]))
    return Bins(edges=edges, values=_middles(edges, 0.0, 1.0))


def _reflectance() -> Bins:
    edges = np.arange(1, 1500) / 1000
    return Bins(edges=edges, values=_middles(edges, 0.0, 1.5))


def _middles(edges: NDArray[np.float64], low: float, high: float) -> NDArray[np.float64]:
    ends = np.concatenate([[low], edges, [high]])
    return np.asarray((ends[1:] + ends[:-1]) / 2, np.float64)


PERCENT = _percent()
"""Of masks in whole percent: nothing is lost."""
PROBABILITY = _probability()
"""Of masks in floats: an area by bins differs from the exact one by some 1e-5."""
REFLECTANCE = _reflectance()
"""Of a band alone, in steps of 0.001 up to 1.5."""
