"""95 % intervals by resampling dates: the pixels of one date are not independent."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from am4cm_cli.validation.counts import DateCounts
from am4cm_cli.validation.measures import measure, measure_all

DRAWS = 1000
SEED = 0
LIMITS = (0.025, 0.975)
AT_A_TIME = 100
"""Draws: their counts by bin must fit into memory."""

Interval = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Resampling:
    """Measures over dates drawn anew."""

    whole: dict[str, float]
    """By measure, over the dates as they are."""
    drawn: dict[str, NDArray[np.float64]]
    """(DRAWS,) values by measure; the same draws for the same number of dates."""
    dates: int
    """With any pixel: only these are drawn."""

    @classmethod
    def of(cls, counts: DateCounts) -> Resampling:
        """Draw dates with replacement."""
        used = counts.on(counts.used)
        return cls(whole=measure(counts), drawn=resampled(used), dates=int(counts.used.sum()))

    def interval(self) -> dict[str, Interval]:
        """Interval of every measure; NaN with fewer than two dates."""
        return {name: _limits(values, self.dates) for name, values in self.drawn.items()}

    def ahead_of(self, other: Resampling) -> dict[str, tuple[float, float, float]]:
        """How far this is ahead, for every measure, and the interval of that difference.

        Args:
            other: of the same dates, which are drawn for both together.
        """
        assert self.dates == other.dates
        return {
            name: (
                self.whole[name] - other.whole[name],
                *_limits(values - other.drawn[name], self.dates),
            )
            for name, values in self.drawn.items()
        }


def interval(counts: DateCounts) -> dict[str, Interval]:
    """Interval of every measure; NaN with fewer than two dates that have pixels."""
    return Resampling.of(counts).interval()


def paired(first: DateCounts, second: DateCounts) -> dict[str, tuple[float, float, float]]:
    """How far the first is ahead of the second.

    Args:
        first: of one method.
        second: of another, on the same pixels.

    Returns:
        By measure: the difference, and the interval of it over dates drawn for both together.
    """
    return Resampling.of(first).ahead_of(Resampling.of(second))


def resampled(counts: DateCounts) -> dict[str, NDArray[np.float64]]:
    """(DRAWS,) values of every measure."""
    chances = draws(len(counts.counts))
    filled = counts.total.sum(axis=0) > 0
    full = replace(counts, counts=counts.counts[..., filled], values=counts.values[filled])
    flat = full.counts.reshape(len(chances[0]), -1).astype(np.float64)
    shape = full.counts.shape[1:]
    parts = [
        measure_all((chances[start : start + AT_A_TIME] @ flat).reshape(-1, *shape), full)
        for start in range(0, DRAWS, AT_A_TIME)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def draws(dates: int) -> NDArray[np.float64]:
    """(DRAWS, T) how often each date is drawn, T in all, with replacement."""
    if dates == 0:
        return np.zeros((DRAWS, 0))
    even = np.full(dates, 1 / dates)
    return np.random.default_rng(SEED).multinomial(dates, even, size=DRAWS).astype(np.float64)


def _limits(values: NDArray[np.float64], dates: int) -> Interval:
    known = values[~np.isnan(values)]
    # Every draw of a single date is the same, which tells nothing of another date.
    if dates < 2 or len(known) < DRAWS // 2:
        return float("nan"), float("nan")
    low, high = np.quantile(known, LIMITS)
    return float(low), float(high)
