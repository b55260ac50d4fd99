"""Ways to make a mask that the study compares, and what each answers on a series in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray
from series import Series
from torch import Tensor

from am4cm_cli.attention import FoldedAttention, fold
from am4cm_cli.calibration import Mixture, cloud_probability, fit_mixture, loose_prior
from am4cm_cli.judgement import JointJudge, fit_judge
from am4cm_cli.scores import CounterfactualConfig, Observations, Score, make_score
from am4cm_cli.scores.joint import ClearMode, join
from am4cm_cli.scores.neighbourhood import neighbourhood_mean
from am4cm_cli.scores.residuals import DropScore, ResidualScore
from am4cm_cli.weights import Calibration, Weights

PIXEL_DATES = 2**20
"""Computed at a time."""

Join = Callable[[Tensor, ClearMode], tuple[Tensor, ...]]
"""(4, ...) evidence and the clear mode to scores (...), the largest of which counts."""
Support = Callable[[Tensor], Tensor]
"""(T, Y, X) scores, NaN for none, to the same from some neighbours of each pixel."""
Neighbours = Callable[[NDArray[np.int64]], NDArray[np.float64]]
"""(T,) days to (T, T) factors of the kernel: row by date, column by the date that it asks."""


def _cloud(evidence: Tensor, mode: ClearMode) -> tuple[Tensor, ...]:
    return join(evidence, mode)[:1]


def _every_date(days: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.ones((len(days), len(days)))


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One way; by default the mask itself."""

    name: str = "the mask"
    method: str = "counterfactual"
    """One of `scores.METHODS`."""
    config: CounterfactualConfig = field(default_factory=CounterfactualConfig)
    neighbours: Neighbours = _every_date
    index: Tensor | None = None
    """(B,) on the weights' own bands, in place of the spectral index."""
    cloud: Join = _cloud
    unusable: Join = join
    support: Support = neighbourhood_mean
    keeps_snow: bool = True
    """Takes snow that lasts for ground."""

    @property
    def is_joined_as_shipped(self) -> bool:
        """Whether the library's own judge is of the same scores."""
        joins = self.cloud is _cloud and self.unusable is join
        return joins and self.support is neighbourhood_mean


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a variant says of a series; NaN where it says nothing."""

    evidence: NDArray[np.float32]
    """(F, T, Y, X)"""
    cloud: NDArray[np.float64]
    """(T, Y, X) probability."""
    unusable: NDArray[np.float64]
    """(T, Y, X) probability."""
    scores: NDArray[np.float32]
    """(T, Y, X) that the probability of cloud was made of."""
    mixture: Mixture
    """Of these scores."""
    mode: ClearMode | None = None
    """Where clear evidence gathers, if it was joined."""

    def probability(self, target: str) -> NDArray[np.float64]:
        """Of a target of `classes.TARGETS`."""
        return {"cloud": self.cloud, "unusable": self.unusable}[target]


def folded(weights: Weights, bands: Sequence[str]) -> FoldedAttention:
    """The attention on some of its bands."""
    return _fewer(fold(weights.model, name=weights.name), weights, bands)


def onto(index: Tensor, weights: Weights, bands: Sequence[str]) -> Tensor:
    """An index of the weights' bands on some of them, the others regressed as the mask does."""
    whole = fold(weights.model, name=weights.name)
    return _fewer(replace(whole, weight=index.double()[None]), weights, bands).weight[0]


def _fewer(whole: FoldedAttention, weights: Weights, bands: Sequence[str]) -> FoldedAttention:
    covariance = torch.tensor(weights.calibration.band_covariance, dtype=torch.float64)
    served = whole.on_bands(tuple(band for band in whole.bands if band in bands), covariance)
    return served.to(torch.device("cpu"), torch.float32)


def ask(variant: Variant, series: Series, weights: Weights) -> Answer:
    """Score a series and fit the mixtures to all of it, as `am4cm mask` does on small images."""
    evidence = evidence_of(make(variant, series, weights), series)
    dates = int((~evidence[0].isnan()).flatten(1).any(dim=1).sum())
    if variant.method == "counterfactual":
        return _judge_joint(evidence, variant, weights.calibration, dates)
    return _judge_single(evidence, variant, weights.calibration, dates)


def ask_parts(
    variant: Variant, series: Series, weights: Weights, parts: Sequence[NDArray[np.int64]]
) -> dict[str, NDArray[np.float64]]:
    """Probabilities by target where each part of the dates is a stack of its own."""
    found = {name: np.full(series.labels.shape, np.nan) for name in ("cloud", "unusable")}
    for part in parts:
        answer = _if_any(variant, series.at(part), weights)
        for name, whole in found.items():
            if answer is not None:
                whole[part] = answer.probability(name)
    return found


def _if_any(variant: Variant, series: Series, weights: Weights) -> Answer | None:
    """None where no date lies near enough to another."""
    evidence = evidence_of(make(variant, series, weights), series)
    return None if evidence[0].isnan().all() else ask(variant, series, weights)


def make(variant: Variant, series: Series, weights: Weights) -> Score:
    """Prepare the score, with what the variant changes about it."""
    attention = folded(weights, series.bands)
    logit_sd = torch.tensor(weights.calibration.logit_sd)
    score = make_score(variant.method, attention, logit_sd, series.days, variant.config)
    if not isinstance(score, DropScore | ResidualScore):
        return score
    factors = torch.from_numpy(variant.neighbours(series.days))
    index = score.index if variant.index is None else onto(variant.index, weights, series.bands)
    changed = replace(score, kernel=score.kernel.times(factors), index=index)
    if isinstance(changed, ResidualScore) and not variant.keeps_snow:
        return replace(changed, snow=None)
    return changed


def evidence_of(score: Score, series: Series) -> Tensor:
    """(F, T, Y, X) float32, NaN for no answer."""
    size = max(1, PIXEL_DATES // len(series.days))
    batches = zip(
        torch.from_numpy(series.reflectance).flatten(2).split(size, dim=-1),
        torch.from_numpy(series.valid).flatten(1).split(size, dim=-1),
        strict=True,
    )
    parts = [score(Observations.of_reflectance(seen, valid)) for seen, valid in batches]
    return torch.cat(parts, dim=-1).reshape(-1, *series.labels.shape)


def _judge_single(
    evidence: Tensor, variant: Variant, calibration: Calibration, dates: int
) -> Answer:
    scores = variant.support(evidence[0])
    known = scores[~scores.isnan()].numpy()
    of_drops = variant.method in {"drop", "blue"}
    prior = calibration.prior if of_drops else loose_prior(known)
    mixture = fit_mixture(known, dates=dates, prior=prior)
    cloud = cloud_probability(scores.double(), mixture).numpy()
    return Answer(
        evidence=evidence.numpy(),
        cloud=cloud,
        unusable=cloud,
        scores=scores.numpy(),
        mixture=mixture,
    )


def _judge_joint(
    evidence: Tensor, variant: Variant, calibration: Calibration, dates: int
) -> Answer:
    judge = fit_judge(evidence, calibration, "counterfactual", dates=dates)
    assert isinstance(judge, JointJudge)
    mode = judge.mode
    cloud = _largest(variant.cloud(evidence, mode), variant.support)
    unusable = _largest(variant.unusable(evidence, mode), variant.support)
    mixture, other = judge.cloud, judge.unusable
    if not variant.is_joined_as_shipped:
        mixture, other = (_fit(scores, calibration, dates) for scores in (cloud, unusable))
    cloudy = cloud_probability(cloud.double(), mixture)
    lost = cloud_probability(unusable.double(), other)
    return Answer(
        evidence=evidence.numpy(),
        # No surer than that this score alone is unusable.
        cloud=torch.minimum(cloudy, cloud_probability(cloud.double(), other)).numpy(),
        unusable=lost.numpy(),
        scores=cloud.numpy(),
        mixture=mixture,
        mode=mode,
    )


def _largest(scores: Sequence[Tensor], support: Support) -> Tensor:
    return torch.stack([support(score) for score in scores]).amax(0)


def _fit(scores: Tensor, calibration: Calibration, dates: int) -> Mixture:
    known = scores[~scores.isnan()].numpy()
    return fit_mixture(known, dates=dates, prior=calibration.joint_prior)
