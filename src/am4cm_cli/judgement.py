"""From a window's evidence to probabilities and classes, by what a stack's own sample showed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from am4cm_cli.calibration import (
    AS_IT_IS,
    Mixture,
    MixturePrior,
    Recalibration,
    cloud_probability,
    fit_mixture,
    loose_prior,
)
from am4cm_cli.classes import CLEAR, SHADOW, TARGETS, THICK, THIN, UNKNOWN
from am4cm_cli.declared import rebuild
from am4cm_cli.probabilities import ProbabilityTable, in_percent, tabulate, tabulate_least
from am4cm_cli.scores import Observations, Score
from am4cm_cli.scores.joined import JoinedScore
from am4cm_cli.scores.joint import ClearMode, fit_mode, join
from am4cm_cli.scores.neighbourhood import neighbourhood_mean
from am4cm_cli.scores.residuals import ResidualScore
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
    """(T, Y, X) probability of thick or thin cloud, whether or not there is a shadow."""
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

    @property
    def count(self) -> int:
        """Of planes."""
        return 1

    def __call__(self, planes: Tensor) -> Judgement:
        """Judge (1, T, Y, X) planes."""
        cloud = self.probability(planes, "cloud")
        never = torch.zeros_like(cloud, dtype=torch.bool)
        return Judgement(cloud=cloud, unusable=cloud, shadowed=never, thick=never)

    def planes(self, evidence: Tensor) -> Tensor:
        """What is left of (1, T, ...) evidence, pixel by pixel: itself."""
        return evidence

    def view(self, score: Score, count: int) -> Score:
        """Prepare to see planes straight away.

        Args:
            score: of the method that the judge was fitted to.
            count: planes wanted, the first ones.

        Returns:
            Of P pixels' observations (count, T, P) planes, as `planes` gives them but for rounding.
        """
        return _See(score=score, judge=self, count=count)

    def probability(self, planes: Tensor, target: str) -> Tensor:
        """(T, Y, X) float32, NaN for no answer; the same for every target."""
        assert target in TARGETS
        table = tabulate(self.mixture, AS_IT_IS, planes.device)
        return table.look_up(neighbourhood_mean(planes[0]))

    def percent(self, planes: Tensor, target: str) -> Tensor:
        """(T, Y, X) uint8, the probability rounded, 255 for no answer."""
        assert target in TARGETS
        table = in_percent(tabulate(self.mixture, AS_IT_IS, planes.device))
        return table.look_up(neighbourhood_mean(planes[0]))


@dataclass(frozen=True, kw_only=True)
class JointJudge:
    """By the attention drop and the residuals in blue, NIR and SWIR."""

    mode: ClearMode
    cloud: Mixture
    unusable: Mixture
    recalibrated_cloud: Recalibration
    recalibrated_unusable: Recalibration

    @property
    def count(self) -> int:
        """Of planes."""
        return 3

    def __call__(self, planes: Tensor) -> Judgement:
        """Judge (3, T, Y, X) planes."""
        cloud, shadow = neighbourhood_mean(planes[:2])
        return Judgement(
            cloud=self._cloud_table(planes).look_up(cloud),
            unusable=self._unusable_table(planes).look_up(torch.maximum(cloud, shadow)),
            shadowed=shadow > cloud,
            thick=planes[2] > THICK_BLUE,
        )

    def planes(self, evidence: Tensor) -> Tensor:
        """What is left of (4, T, ...) evidence of `scores.residuals`, pixel by pixel.

        Returns:
            (3, T, ...) the pixel's own cloud and shadow scores and its blue above the clear sky.
        """
        return torch.stack([*join(evidence, self.mode), evidence[1]])

    def view(self, score: Score, count: int) -> Score:
        """Prepare to see planes straight away; see `SingleJudge.view`."""
        if isinstance(score, ResidualScore):
            return JoinedScore(score=score, mode=self.mode, count=count)
        return _See(score=score, judge=self, count=count)

    def probability(self, planes: Tensor, target: str) -> Tensor:
        """(T, Y, X) float32 of one of `classes.TARGETS`, NaN for no answer."""
        return self._answer(planes, target, lambda table: table)

    def percent(self, planes: Tensor, target: str) -> Tensor:
        """(T, Y, X) uint8, the probability rounded, 255 for no answer."""
        return self._answer(planes, target, in_percent)

    def _answer(self, planes: Tensor, target: str, kind: Callable[..., ProbabilityTable]) -> Tensor:
        """By one plane for clouds, by two for what is unusable."""
        assert target in TARGETS
        if target == "cloud":
            return kind(self._cloud_table(planes)).look_up(neighbourhood_mean(planes[0]))
        cloud, shadow = neighbourhood_mean(planes[:2])
        return kind(self._unusable_table(planes)).look_up(torch.maximum(cloud, shadow))

    def _cloud_table(self, planes: Tensor) -> ProbabilityTable:
        """Nothing is a cloud more surely than it is unusable."""
        cloud = self.cloud, self.recalibrated_cloud
        return tabulate_least(cloud, (self.unusable, self.recalibrated_unusable), planes.device)

    def _unusable_table(self, planes: Tensor) -> ProbabilityTable:
        return tabulate(self.unusable, self.recalibrated_unusable, planes.device)


@dataclass(frozen=True, kw_only=True)
class _See:
    """Evidence first, then what a judge leaves of it."""

    score: Score
    judge: Judge
    count: int

    def __call__(self, observations: Observations) -> Tensor:
        return self.judge.planes(self.score(observations))[: self.count]


Judge = JointJudge | SingleJudge
"""Turns evidence into planes pixel by pixel, and a window's planes into a judgement.

A pixel's neighbours count for the judgement, so windows need a rim; planes need none."""


def judge_from(facts: Mapping[str, Any]) -> Judge:
    """Rebuild a judge from what `asdict` and JSON made of it.

    Raises:
        ValueError: a field is missing or unknown, or holds something else.
    """
    kind: type[Judge] = SingleJudge if "mixture" in facts else JointJudge
    judge: Judge = rebuild(kind, dict(facts), "calibration")
    return judge


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
