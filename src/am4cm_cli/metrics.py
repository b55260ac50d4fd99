"""Counts first, ratios last, so that batches and folds add up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Confusion:
    """How often each true class was given each predicted one."""

    counts: NDArray[np.int64]
    """(K, K) pixels by true class, predicted class."""

    @classmethod
    def of(
        cls, truth: NDArray[np.integer], predicted: NDArray[np.integer], *, classes: int
    ) -> Confusion:
        """Count (P,) pairs of class indices."""
        pairs = np.bincount(truth.astype(np.int64) * classes + predicted, minlength=classes**2)
        return cls(pairs.reshape(classes, classes))

    def __add__(self, other: Confusion) -> Confusion:
        return Confusion(self.counts + other.counts)

    @property
    def accuracy(self) -> float:
        """Overall accuracy, NaN without pixels."""
        total = self.counts.sum()
        return float(np.trace(self.counts) / total) if total else float("nan")

    @property
    def iou(self) -> NDArray[np.float64]:
        """(K,), NaN for a class neither present nor predicted."""
        hit = np.diag(self.counts)
        return _ratio(hit, self.counts.sum(0) + self.counts.sum(1) - hit)

    @property
    def f1(self) -> NDArray[np.float64]:
        """(K,), NaN for a class neither present nor predicted."""
        return _ratio(2 * np.diag(self.counts), self.counts.sum(0) + self.counts.sum(1))

    @property
    def mean_iou(self) -> float:
        """Mean over the classes present or predicted, NaN if there are none."""
        known = self.iou[~np.isnan(self.iou)]
        return float(known.mean()) if len(known) else float("nan")


def _ratio(hit: NDArray[np.int64], total: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.where(total > 0, hit / np.maximum(total, 1), np.nan)
