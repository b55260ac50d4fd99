"""ROC and precision-recall curves from counts."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from am4cm_cli.validation.counts import DateCounts
from am4cm_cli.validation.measures import ratio


@dataclass(frozen=True, kw_only=True)
class Curves:
    """Shares by falling threshold, from nothing flagged to everything."""

    false_alarm: NDArray[np.float64]
    """(K + 1,) share of clear pixels flagged."""
    recall: NDArray[np.float64]
    """(K + 1,)"""
    precision: NDArray[np.float64]
    """(K + 1,), NaN where nothing is flagged."""


def curves(counts: DateCounts) -> Curves:
    """The curves over all dates together."""
    falling = np.cumsum(counts.total[:, ::-1], axis=-1, dtype=np.float64)
    clear, flagged = np.concatenate([np.zeros((2, 1)), falling], axis=1)
    whole = np.full_like(clear, 1.0)
    return Curves(
        false_alarm=ratio(clear, clear[-1] * whole),
        recall=ratio(flagged, flagged[-1] * whole),
        precision=ratio(flagged, clear + flagged),
    )
