"""Clear and flagged pixels of every date by bin of their score."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from am4cm_cli.validation.bins import Bins


@dataclass(frozen=True, kw_only=True)
class DateCounts:
    """What every measure is computed from; dates are what is resampled."""

    counts: NDArray[np.int64]
    """(T, 2, K) pixels by date, clear or flagged in the reference, and ascending bin of score."""
    values: NDArray[np.float64]
    """(K,) score that stands for a bin."""
    threshold: float = 0.5
    """A pixel with at least this score is flagged by the method."""
    is_probability: bool = True
    """False for scores of other units, which have no calibration error."""

    @classmethod
    def of(
        cls, scores: NDArray[np.floating], flagged: NDArray[np.bool_], *, bins: Bins
    ) -> DateCounts:
        """Count (T, P) scores, NaN for none, against a (T, P) reference."""
        pairs = zip(scores, flagged, strict=True)
        return cls(
            counts=np.stack([_count(date, truth, bins) for date, truth in pairs]),
            values=bins.values,
        )

    def on(self, dates: NDArray[np.bool_]) -> DateCounts:
        """The same of some of the (T,) dates."""
        return replace(self, counts=self.counts[dates])

    @property
    def used(self) -> NDArray[np.bool_]:
        """(T,) dates with any pixel."""
        used: NDArray[np.bool_] = self.counts.sum(axis=(1, 2)) > 0
        return used

    @property
    def total(self) -> NDArray[np.int64]:
        """(2, K) over all dates."""
        total: NDArray[np.int64] = self.counts.sum(axis=0)
        return total


def _count(
    scores: NDArray[np.floating], flagged: NDArray[np.bool_], bins: Bins
) -> NDArray[np.int64]:
    """(2, K) of one date."""
    known = ~np.isnan(scores)
    places = bins.place(scores[known]) + bins.count * flagged[known]
    return np.bincount(places, minlength=2 * bins.count).reshape(2, bins.count)
