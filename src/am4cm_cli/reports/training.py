"""What a training came to: its epochs, its test fold, and where in the year it looked."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from am4cm_cli.metrics import Confusion
from am4cm_cli.training.history import Epoch

LONGEST_YEAR = 366
"""Days."""


@dataclass(frozen=True, kw_only=True)
class ClassScore:
    """How well one class was told; ratios are 0 to 1."""

    name: str
    count: int
    """Test series that are of this class."""
    precision: float
    """Of those told to be of this class, the share that is; NaN if none was."""
    recall: float
    """Of those that are of this class, the share that was told so; NaN if none is."""
    f1: float
    """NaN if neither present nor predicted."""
    iou: float
    """NaN if neither present nor predicted."""

    @property
    def ratios(self) -> tuple[float, float, float, float]:
        """Precision, recall, F1 and IoU."""
        return self.precision, self.recall, self.f1, self.iou


@dataclass(frozen=True, kw_only=True)
class TrainingReport:
    """Everything that the page of a training shows."""

    title: str
    classes: tuple[str, ...]
    """(K,) names."""
    epochs: tuple[Epoch, ...]
    test: Confusion
    """Of the test fold."""
    attention: NDArray[np.float64]
    """(K, H, M) from `attention_over_year`: 1 is an even share, NaN where nothing was observed."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """What else to say of the training, by name: data, folds, settings."""

    @property
    def attention_by_class(self) -> NDArray[np.float64]:
        """(K, M), the mean over heads."""
        return mean_of_known(self.attention, axis=1)

    @property
    def attention_by_head(self) -> NDArray[np.float64]:
        """(H, M), the mean over the classes observed in a part of the year, each counting alike."""
        return mean_of_known(self.attention, axis=0)

    @property
    def class_scores(self) -> tuple[ClassScore, ...]:
        """One per class, in their order."""
        columns = (
            np.diag(by_prediction(self.test)),
            np.diag(by_truth(self.test)),
            self.test.f1,
            self.test.iou,
        )
        counts = self.test.counts.sum(1)
        return tuple(
            ClassScore(
                name=name, count=int(count), precision=precision, recall=recall, f1=f1, iou=iou
            )
            for name, count, precision, recall, f1, iou in zip(
                self.classes, counts, *(column.tolist() for column in columns), strict=True
            )
        )


def by_truth(confusion: Confusion) -> NDArray[np.float64]:
    """(K, K) shares of each true class, rows summing to 1; a row of NaN for a class not there."""
    return _share(confusion.counts, confusion.counts.sum(axis=1, keepdims=True))


def by_prediction(confusion: Confusion) -> NDArray[np.float64]:
    """(K, K) shares of each predicted class, columns summing to 1; NaN if never predicted."""
    return _share(confusion.counts, confusion.counts.sum(axis=0, keepdims=True))


def mean_of_known(array: NDArray[np.float64], *, axis: int) -> NDArray[np.float64]:
    """Mean of what is not NaN along one axis, NaN where nothing is known."""
    known = ~np.isnan(array)
    return _share(np.where(known, array, 0).sum(axis), known.sum(axis))


def _share(part: NDArray[np.number], whole: NDArray[np.integer]) -> NDArray[np.float64]:
    return np.where(whole > 0, part / np.maximum(whole, 1), np.nan)
