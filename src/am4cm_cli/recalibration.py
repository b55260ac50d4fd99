"""Recalibrations fitted to a reference, from counts by date and bin of probability alone."""

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, logit

from am4cm_cli.calibration import SAMPLES_PER_DATE, Recalibration
from am4cm_cli.validation.bins import PROBABILITY
from am4cm_cli.validation.counts import DateCounts
from am4cm_cli.validation.measures import measure

FOLDS = 5
"""Of dates, for cross-validation."""
PRIOR_SD = np.array([1.0, 1.0])
"""Of the logarithm of the slope and of the intercept, about no change: weak beside a few dates,
yet no date or two of perfectly told labels makes a step of the line."""
STEEPEST = 13.5
"""A threshold's largest log odds: beyond, `Recalibration` cannot tell probabilities apart."""
DIGITS = 6
"""Of slope and intercept."""


class Aim(Protocol):
    """What a recalibration is fitted for."""

    @property
    def words(self) -> str:
        """For tables and records."""

    @property
    def beta(self) -> float:
        """Weight of recall in the F-beta that is shown."""

    def fit(self, counts: NDArray[np.int64]) -> Recalibration:
        """Fit to (T, 2, K) pixels by date, clear or target, and bin of `bins.PROBABILITY`.

        Both clear and target must occur.
        """


@dataclass(frozen=True, kw_only=True)
class Likelihood:
    """That a probability is what it says: slope and intercept of the highest likelihood.

    Platt scaling (Platt 1999, Advances in Large Margin Classifiers), with a prior in place of his
    smoothed labels. The pixels of a date move together, so a date counts as its effective number
    of pixels (see `effective_pixels`), and large dates don't drown the others.
    """

    words: str = "probability, by maximum likelihood"
    beta: float = 1.0

    def fit(self, counts: NDArray[np.int64]) -> Recalibration:
        """See `Aim.fit`; the slope is above 0."""
        pixels = counts.sum(axis=(1, 2))
        share = effective_pixels(pixels) / np.maximum(pixels, 1)
        clear, target = np.einsum("t,tyk->yk", share, counts.astype(np.float64))
        odds = log_odds(PROBABILITY.values)

        def loss(point: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            slope = np.exp(point[0])
            line = slope * odds + point[1]
            pull = clear * expit(line) - target * expit(-line)
            gradient = np.array([(pull * odds).sum() * slope, pull.sum()]) + point / PRIOR_SD**2
            unlikely = clear @ np.logaddexp(0, line) + target @ np.logaddexp(0, -line)
            return float(unlikely + 0.5 * ((point / PRIOR_SD) ** 2).sum()), gradient

        log_slope, intercept = minimize(loss, np.zeros(2), jac=True, method="BFGS").x.tolist()
        return Recalibration(
            slope=round(float(np.exp(log_slope)), DIGITS), intercept=round(intercept, DIGITS)
        )


@dataclass(frozen=True, kw_only=True)
class FBeta:
    """That 50 % is the threshold of the highest F-beta, counted by pixels."""

    beta: float = 1.0
    """Above 0; 2 weighs recall twice as much as precision."""

    @property
    def words(self) -> str:
        """For tables and records."""
        return f"threshold of the highest F{self.beta:g}"

    def fit(self, counts: NDArray[np.int64]) -> Recalibration:
        """See `Aim.fit`; among equals the threshold nearest to 50 %."""
        thresholds, clear, target = _flagged(counts)
        alarm, hit, whole = clear, target, counts[:, 1].sum()
        weight = self.beta**2
        score = (1 + weight) * hit / (hit + alarm + weight * whole)
        best = np.flatnonzero(score == score.max())
        return _step(thresholds[best[np.abs(thresholds[best]).argmin()]])


@dataclass(frozen=True, kw_only=True)
class Omission:
    """That 50 % is the highest threshold that misses at most some share of the target's pixels."""

    rate: float
    """0 to 1."""
    beta: float = 1.0

    @property
    def words(self) -> str:
        """For tables and records."""
        return f"threshold that misses at most {100 * self.rate:g} %"

    def fit(self, counts: NDArray[np.int64]) -> Recalibration:
        """See `Aim.fit`; the lowest threshold there is where even that misses more."""
        thresholds, _, target = _flagged(counts)
        whole = counts[:, 1].sum()
        held = np.flatnonzero(whole - target <= self.rate * whole + 1e-9)
        return _step(thresholds[held.max(initial=0)])


@dataclass(frozen=True, kw_only=True)
class Figures:
    """How good a probability is on some labels; NaN where undefined."""

    f1: float
    """At 50 %, like the next three."""
    f_beta: float
    precision: float
    omission: float
    """Share of the target's pixels that are missed."""
    ece: float
    """Expected calibration error."""

    @classmethod
    def of(cls, total: NDArray[np.int64], *, beta: float) -> "Figures":
        """Measure (2, K) pixels, clear or target, by bin of `bins.PROBABILITY`."""
        counts = DateCounts(counts=total[None], values=PROBABILITY.values)
        found = measure(counts)
        precision, recall = found["precision"], found["recall"]
        weighed = beta**2 * precision + recall
        return cls(
            f1=found["f1"],
            f_beta=(1 + beta**2) * precision * recall / weighed if weighed > 0 else found["f1"],
            precision=precision,
            omission=1 - recall,
            ece=found["ece"],
        )


def effective_pixels(pixels: NDArray[np.integer]) -> NDArray[np.float64]:
    """What dates of (T,) pixels are worth: n / (1 + (n - 1) rho), at most SAMPLES_PER_DATE.

    The effective size of a cluster by Kish (1965, Survey Sampling), rho = 1 / SAMPLES_PER_DATE.
    """
    worth: NDArray[np.float64] = pixels / (1 + (pixels - 1) / SAMPLES_PER_DATE)
    return worth


def log_odds(probability: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of (...) probabilities, cut off as `Recalibration` does."""
    odds: NDArray[np.float64] = torch.logit(torch.from_numpy(probability), eps=1e-6).numpy()
    return odds


def keep_order(cloud: Recalibration, unusable: Recalibration) -> Recalibration:
    """Lower unusable's threshold to cloud's if that is lower, where both are but thresholds.

    Cloud is never likelier than unusable, so a stricter unusable would take clouds away that
    cloud's own threshold promised to find.
    """
    if cloud.slope != unusable.slope:
        return unusable
    return replace(unusable, intercept=max(cloud.intercept, unusable.intercept))


def recalibrated(total: NDArray[np.int64], line: Recalibration) -> NDArray[np.int64]:
    """Move (2, K) counts to the bins of `bins.PROBABILITY` where a recalibration puts them."""
    values = line(torch.from_numpy(PROBABILITY.values)).numpy()
    places = PROBABILITY.place(values)
    moved = np.zeros_like(total)
    for kind in range(len(total)):
        np.add.at(moved[kind], places, total[kind])
    return moved


def cross_validate(counts: NDArray[np.int64], aim: Aim) -> NDArray[np.int64] | None:
    """Fit on the dates of all folds but one, recalibrate that one; each date is held out once.

    The folds are runs of consecutive dates, at most FOLDS, since neighbours in time look alike.

    Args:
        counts: (T, 2, K), see `Aim.fit`; dates without pixels are left out.
        aim: of the fit.

    Returns:
        (2, K) recalibrated counts of all dates, None where the rest of a fold lacks clear or
        target.
    """
    used = counts[counts.sum(axis=(1, 2)) > 0]
    total: NDArray[np.int64] = np.zeros_like(counts[0])
    for held in np.array_split(np.arange(len(used)), min(FOLDS, len(used))):
        rest = np.delete(used, held, axis=0)
        if not rest.sum(axis=(0, 2)).all():
            return None
        total = total + recalibrated(used[held].sum(axis=0), aim.fit(rest))
    return total


def _flagged(
    counts: NDArray[np.int64],
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Log odds of (N,) ascending thresholds; the (N,) clear and target pixels each flags."""
    odds = logit(PROBABILITY.edges)
    within = np.abs(odds) < STEEPEST
    above = counts.sum(axis=0)[:, ::-1].cumsum(axis=1)[:, ::-1][:, 1:]
    return odds[within], above[0, within], above[1, within]


def _step(threshold: float) -> Recalibration:
    """What moves a threshold, in log odds, to 50 %."""
    return Recalibration(intercept=round(-float(threshold), DIGITS) + 0.0)
