"""Counts by date, class of the reference, nearness to a border, and bin of score."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter

from am4cm_cli.classes import CLEAR, SHADOW, SNOW, TARGETS, THICK, THIN
from am4cm_cli.validation.bins import Bins
from am4cm_cli.validation.choices import Choice
from am4cm_cli.validation.counts import DateCounts

COUNTED = (CLEAR, THICK, THIN, SHADOW)
LABELS = (*COUNTED, SNOW)
EDGE = 2
"""Pixels on either side of a border, along rows, columns and diagonals."""


@dataclass(frozen=True, kw_only=True)
class Tally:
    """One method's scores; tallies of windows of the same dates add up."""

    counts: NDArray[np.int64]
    """(T, 4, 2, K) pixels by date, class in COUNTED, away from or at an edge, and bin."""
    labels: NDArray[np.int64]
    """(T, 5) pixels of the reference by class in LABELS, with a score or not."""
    pixels: int
    """Of a date, in the windows tallied, whatever is known of them."""
    bins: Bins
    threshold: float = 0.5
    is_probability: bool = True

    def __add__(self, other: Tally) -> Tally:
        return replace(
            self,
            counts=self.counts + other.counts,
            labels=self.labels + other.labels,
            pixels=self.pixels + other.pixels,
        )

    def counts_of(self, classes: tuple[int, ...], choice: Choice) -> DateCounts:
        """Clear against some classes on a choice of dates and pixels."""
        wanted = [kind for kind in classes if choice.kinds is None or kind in choice.kinds]
        edges = slice(1, 2) if choice.only_edges else slice(0, 2)
        part = self.counts[choice.dates][:, :, edges].sum(axis=2)
        both = part[:, CLEAR], part[:, wanted].sum(axis=1)
        return DateCounts(
            counts=np.stack(both, axis=1),
            values=self.bins.values,
            threshold=self.threshold,
            is_probability=self.is_probability,
        )

    def counts_for(self, target: str, choice: Choice) -> DateCounts:
        """Clear against a target of `classes.TARGETS`."""
        return self.counts_of(TARGETS[target], choice)


def tally(
    scores: NDArray[np.floating],
    labels: NDArray[np.uint8],
    *,
    bins: Bins,
    edges: NDArray[np.bool_] | None = None,
    is_probability: bool = True,
) -> Tally:
    """Count a window of every date.

    Args:
        scores: (T, Y, X), NaN for no answer.
        labels: (T, Y, X) classes, others than COUNTED are left out.
        bins: of the scores.
        edges: (T, Y, X) where a border is near; found in these labels if None.
        is_probability: whether a calibration error has a meaning.
    """
    near = np.stack([near_edge(date) for date in labels]) if edges is None else edges
    dates = zip(scores, labels, near, strict=True)
    return Tally(
        counts=np.stack([_count(*date, bins) for date in dates]),
        labels=np.stack([[(date == kind).sum() for kind in LABELS] for date in labels]),
        pixels=labels[0].size,
        bins=bins,
        is_probability=is_probability,
    )


def near_edge(labels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Whether clear and not clear both lie within EDGE pixels of each of (Y, X) labels."""
    around = 2 * EDGE + 1
    clear = maximum_filter(labels == CLEAR, size=around)
    hidden = maximum_filter(np.isin(labels, (THICK, THIN, SHADOW)), size=around)
    near: NDArray[np.bool_] = clear & hidden
    return near


def _count(
    scores: NDArray[np.floating], labels: NDArray[np.uint8], near: NDArray[np.bool_], bins: Bins
) -> NDArray[np.int64]:
    """(4, 2, K) of one date."""
    used = ~np.isnan(scores) & np.isin(labels, COUNTED)
    group = labels[used].astype(np.int64) * 2 + near[used]
    places = group * bins.count + bins.place(scores[used])
    shape = len(COUNTED), 2, bins.count
    return np.bincount(places, minlength=int(np.prod(shape))).reshape(shape)
