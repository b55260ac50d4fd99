"""Which dates of a long series to show."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

WANTED_SHARES = (0.5, 0.0, 0.5, 1.0)
"""Of cloud, in turn: partly cloudy, clear, partly cloudy, overcast. Borders show most."""


def choose_dates(cloud_share: NDArray[np.floating], *, count: int) -> list[int]:
    """Choose dates spread over a series, a mix of clear, partly cloudy and overcast ones.

    The dates with any answer are cut into `count` runs of about equal length; each gives the date
    whose share of cloud is nearest to the one that is wanted there, the earlier of two alike.

    Args:
        cloud_share: (T,) 0 to 1 in time order, NaN where the mask has no answer.
        count: how many to choose; fewer are found where fewer have an answer.

    Returns:
        Indexes in time order.
    """
    usable = np.flatnonzero(~np.isnan(cloud_share))
    runs = np.array_split(usable, min(count, len(usable))) if len(usable) else []
    return [
        int(run[np.abs(cloud_share[run] - share).argmin()])
        for run, share in zip(runs, _in_turn(), strict=False)
    ]


def _in_turn() -> Iterator[float]:
    while True:
        yield from WANTED_SHARES
