"""How smooth in time the observations are that a mask keeps."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LONGEST_GAP = 30
"""Days between neighbours, beyond which ground may have changed by itself."""
REACH = 45
"""Days around a date whose kept observations tell what the ground was like."""
FEWEST = 3
"""Kept observations that make a median."""


@dataclass(frozen=True, kw_only=True)
class Jumps:
    """Median second differences, in reflectance: low is good, and kept far below all."""

    kept: float
    all: float
    kept_triples: int
    all_triples: int


@dataclass(frozen=True, kw_only=True)
class Residuals:
    """Root mean squares against the ground's own level, in reflectance: low is good for kept."""

    kept: float
    flagged: float
    """As high as clouds are; if it is as low as kept, the mask flags clear ground."""
    kept_count: int
    flagged_count: int


def jumps(
    series: NDArray[np.floating],
    seen: NDArray[np.bool_],
    kept: NDArray[np.bool_],
    days: NDArray[np.int64],
) -> Jumps:
    """How far an observation lies off the line between its two neighbours in time.

    Among triples of one pixel's consecutive observations, none more than LONGEST_GAP days after
    the one before; once among those kept, once among all.

    Args:
        series: (T, P) reflectance of one band.
        seen: (T, P) bool.
        kept: (T, P) bool, within seen.
        days: (T,) rising.
    """
    of_kept, of_all = (_second_differences(series, used, days) for used in (kept, seen))
    return Jumps(
        kept=_median(of_kept),
        all=_median(of_all),
        kept_triples=len(of_kept),
        all_triples=len(of_all),
    )


def residuals(
    series: NDArray[np.floating],
    seen: NDArray[np.bool_],
    kept: NDArray[np.bool_],
    days: NDArray[np.int64],
) -> Residuals:
    """How far observations lie from the median of the other kept ones within REACH days.

    Arguments are those of `jumps`; an observation with fewer than FEWEST such neighbours is left
    out.
    """
    squares = {True: 0.0, False: 0.0}
    counts = {True: 0, False: 0}
    for date, day in enumerate(days):
        near = np.flatnonzero(np.abs(days - day) <= REACH)
        level = _level(series[near[near != date]], kept[near[near != date]])
        for is_kept in (True, False):
            used = seen[date] & (kept[date] == is_kept) & ~np.isnan(level)
            off = series[date, used].astype(np.float64) - level[used]
            squares[is_kept] += float((off**2).sum())
            counts[is_kept] += len(off)
    rms = {key: (squares[key] / count) ** 0.5 if count else np.nan for key, count in counts.items()}
    return Residuals(
        kept=float(rms[True]),
        flagged=float(rms[False]),
        kept_count=counts[True],
        flagged_count=counts[False],
    )


def _second_differences(
    series: NDArray[np.floating], used: NDArray[np.bool_], days: NDArray[np.int64]
) -> NDArray[np.float64]:
    # Pixel by pixel in time order: neighbours in the flat list are neighbours in time.
    pixel, date = np.nonzero(used.T)
    value, day = series.T[used.T].astype(np.float64), days[date]
    before, after = np.diff(day)[:-1], np.diff(day)[1:]
    one_pixel = pixel[2:] == pixel[:-2]
    near = one_pixel & (before <= LONGEST_GAP) & (after <= LONGEST_GAP) & (before + after > 0)
    weight = before[near] / (before + after)[near]
    line = value[:-2][near] * (1 - weight) + value[2:][near] * weight
    return np.asarray(np.abs(value[1:-1][near] - line), np.float64)


def _level(series: NDArray[np.floating], kept: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(P,) median of the kept of (T, P), NaN with fewer than FEWEST."""
    level = np.full(series.shape[1], np.nan)
    enough = kept.sum(axis=0) >= FEWEST
    values = np.where(kept[:, enough], series[:, enough].astype(np.float64), np.nan)
    level[enough] = np.nanmedian(values, axis=0)
    return level


def _median(values: NDArray[np.float64]) -> float:
    return float(np.median(values)) if len(values) else float("nan")
