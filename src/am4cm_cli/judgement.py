"""From a window's evidence to probabilities and classes, by what a stack's own sample showed."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from am4cm_cli.calibration import (
    Mixture,
    MixturePrior,
    Recalibration,
    cloud_probability,
    fit_mixture,
    loose_prior,
)
from am4cm_cli.classes import CLEAR, SHADOW, THICK, THIN, UNKNOWN
from am4cm_cli.scores.joint import ClearMode, fit_mode, join
from am4cm_cli.scores.neighbourhood import neighbourhood_mean
from am4cm_cli.weights import Calibration

THICK_BLUE = 0.22
"""A cloud is thick where the blue is this far above the clear sky's, in reflectance. Fits 95 % of
flanders-2018's cloud by eye, 88 and 94 % of two simulated stacks'; their best values are 0.20 to
0.25."""


NARROW = 0.1
"""How sure the drops' clear spread is, in its logarithm: in overcast series it would widen until it
takes in haze. Overcast choices of flanders-2018's dates gain up to 0.06 in F1, others nothing."""


MOST_VALUES = 2**22
"""That a fit is given: sorting more takes seconds and changes nothing."""


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What is believed of a window's observations; NaN where there is no answer."""

    cloud: Tensor
    """(T, Y, X) probability of thick or thin cloud."""
    unusable: Tensor
    """(T, Y, X) probability of cloud or shadow, never below `cloud`."""
    shadowed: Tensor
    """(T, Y, X) bool, more like a shadow than like a cloud."""
    thick: Tensor
    """(T, Y, X) bool, too bright for a thin cloud."""

    def probability(self, target: str) -> Tensor:
        """Return that of `classes.TARGETS` by name."""
        return {"cloud": self.cloud, "unusable": self.unusable}[target]

    def classes(self) -> Tensor:
        """(T, Y, X) uint8 of `classes`.

        Not clear is where `unusable` is at least an even chance; of cloud and shadow the one with
        the larger score, so a few clouds have less than an even chance of being one.
        """
        kind = torch.where(self.thick, THICK, THIN)
        kind = torch.where(self.shadowed, SHADOW, kind)
        kind = torch.where(self.unusable >= 0.5, kind, CLEAR)
        return torch.where(self.unusable.isnan(), UNKNOWN, kind).to(torch.uint8)


@dataclass(frozen=True, kw_only=True)
class SingleJudge:
    """By one score alone: cannot tell a shadow from a cloud."""

    mixture: Mixture

    def __call__(self, evidence: Tensor) -> Judgement:
        """Judge (1, T, Y, X) evidence."""
        cloud = cloud_probability(neighbourhood_mean(evidence[0]), self.mixture)
        never = torch.zeros_like(cloud, dtype=torch.bool)
        return Judgement(cloud=cloud, unusable=cloud, shadowed=never, thick=never)


@dataclass(frozen=True, kw_only=True)
class JointJudge:
    """By the attention drop and the residuals in blue, NIR and SWIR."""

    mode: ClearMode
    cloud: Mixture
    unusable: Mixture
    recalibrated_cloud: Recalibration
    recalibrated_unusable: Recalibration

    def __call__(self, evidence: Tensor) -> Judgement:
        """Judge (4, T, Y, X) evidence of `scores.residuals`."""
        cloud, shadow = joint_scores(evidence, self.mode)
        unusable = torch.maximum(cloud, shadow)
        cloudy = self.recalibrated_cloud(cloud_probability(cloud, self.cloud))
        lost = self.recalibrated_unusable(cloud_probability(unusable, self.unusable))
        return Judgement(
            cloud=torch.minimum(cloudy, lost),
            unusable=lost,
            shadowed=shadow > cloud,
            thick=evidence[1] > THICK_BLUE,
        )


Judge = JointJudge | SingleJudge
"""Turns a window's evidence into a judgement. A pixel's neighbours count, so windows need a rim."""


def joint_scores(evidence: Tensor, mode: ClearMode) -> tuple[Tensor, Tensor]:
    """Cloud and shadow scores of (4, ..., Y, X) evidence, (..., Y, X), each over 3 x 3 pixels."""
    cloud, shadow = join(evidence, mode)
    return neighbourhood_mean(cloud), neighbourhood_mean(shadow)


def fit_judge(evidence: Tensor, calibration: Calibration, method: str, *, dates: int) -> Judge:
    """Fit a judge to a sample of a stack, without labels.

    Args:
        evidence: (F, ..., Y, X) of small windows, NaN for no answer, finite somewhere.
        calibration: of the weights.
        method: one of `scores.METHODS`.
        dates: that the sample's answers come from.
    """
    if method == "counterfactual":
        return _fit_joint(evidence, calibration, dates)
    scores = _finite(neighbourhood_mean(evidence[0]))
    of_drops = method in {"drop", "blue"}
    prior = calibration.prior if of_drops else loose_prior(scores)
    return SingleJudge(mixture=fit_mixture(scores, dates=dates, prior=prior))


def _fit_joint(evidence: Tensor, calibration: Calibration, dates: int) -> JointJudge:
    mode = _fit_clear_mode(evidence, calibration.prior, dates)
    cloud, shadow = joint_scores(evidence, mode)
    prior = calibration.joint_prior
    return JointJudge(
        mode=mode,
        cloud=fit_mixture(_finite(cloud), dates=dates, prior=prior),
        unusable=fit_mixture(_finite(torch.maximum(cloud, shadow)), dates=dates, prior=prior),
        recalibrated_cloud=calibration.cloud,
        recalibrated_unusable=calibration.unusable,
    )


def _fit_clear_mode(evidence: Tensor, prior: MixturePrior, dates: int) -> ClearMode:
    known = _thin(evidence[:, ~evidence[0].isnan()])
    narrow = replace(prior, spread=replace(prior.spread, clear_sd=NARROW))
    drops = fit_mixture(known[0].numpy(), dates=dates, prior=narrow)
    clear = cloud_probability(known[0], drops) < 0.5
    return fit_mode(known.numpy(), clear.numpy())


def _finite(scores: Tensor) -> NDArray[np.float32]:
    found: NDArray[np.float32] = _thin(scores[~scores.isnan()]).numpy()
    return found


def _thin(values: Tensor) -> Tensor:
    """Every so many of (..., N), evenly, where there are more than a fit needs."""
    return values[..., :: 1 + values.shape[-1] // MOST_VALUES]
