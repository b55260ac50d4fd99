"""From a stack's own scores to a probability, without labels.

Clear observations gather in a narrow mode. A cloudy one is taken to be a clear one plus an
exponential amount, so its score follows an exponentially modified Gaussian. The ratio of the two
densities rises with the score everywhere, and so does the probability.
"""

from dataclasses import astuple, dataclass
from math import exp, log

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

BINS = 4000
LEAST_Z = -30.0
SAMPLES_PER_DATE = 10.0
"""What a date is worth against the prior: its pixels move together, so less than their count."""


@dataclass(frozen=True, kw_only=True)
class Mixture:
    """Clear and cloudy scores of one stack."""

    clear_mean: float
    clear_sd: float
    cloud_scale: float
    """Mean of the exponential amount that cloud adds."""
    cloud_share: float
    """Share of cloudy observations, 0 to 1."""


@dataclass(frozen=True, kw_only=True)
class MixturePrior:
    """What is known of a mixture before a stack is seen.

    Gaussian in the mean, in the logarithms of `clear_sd` and `cloud_scale`, and in the logit of
    `cloud_share`.
    """

    centre: Mixture
    spread: Mixture
    """Standard deviations on those four scales."""


DROP_PRIOR = MixturePrior(
    centre=Mixture(clear_mean=-0.03, clear_sd=0.06, cloud_scale=0.7, cloud_share=0.5),
    # A tight cloud scale: were it free to shrink, a sky without clouds would be split in two.
    spread=Mixture(clear_mean=0.03, clear_sd=0.4, cloud_scale=0.25, cloud_share=1.5),
)
"""Of attention drops, which are in units of the heads' spread, so alike for all weights."""

JOINT_PRIOR = MixturePrior(
    centre=Mixture(clear_mean=0.0, clear_sd=1.0, cloud_scale=12.0, cloud_share=0.45),
    # The clear mode's own spread is their unit, so it is all but known.
    spread=Mixture(clear_mean=0.5, clear_sd=0.1, cloud_scale=0.25, cloud_share=1.5),
)
"""Of the joint scores of `scores.joint`, which are in spreads of the clear mode."""


def loose_prior(scores: NDArray[np.floating]) -> MixturePrior:
    """A prior for scores of unknown units, from their own median and spread."""
    low, middle, high = np.quantile(scores, [0.1, 0.5, 0.9])
    unit = max(float(high - low), 1e-6)
    return MixturePrior(
        centre=Mixture(
            clear_mean=float(low + middle) / 2,
            clear_sd=unit / 8,
            cloud_scale=unit / 2,
            cloud_share=0.5,
        ),
        spread=Mixture(clear_mean=unit, clear_sd=1.0, cloud_scale=0.5, cloud_share=1.5),
    )


def fit_mixture(scores: NDArray[np.floating], *, dates: int, prior: MixturePrior) -> Mixture:
    """Fit by maximum posterior density to a sample of a stack's scores.

    Args:
        scores: (N,) finite, N at least 1.
        dates: how many dates they come from; with few of them the prior weighs more.
        prior: of the four parameters.
    """
    from scipy.optimize import minimize  # takes half a second, which can pass while images are read

    low, high = np.quantile(scores, [0.0005, 0.9995])
    counts, edges = np.histogram(scores.clip(low, high), bins=BINS)
    middle = torch.from_numpy((edges[1:] + edges[:-1]) / 2)
    weight = torch.from_numpy(counts / counts.sum() * dates * SAMPLES_PER_DATE)
    centre, spread = _unbounded(prior.centre), np.array(astuple(prior.spread))

    def loss(point: NDArray[np.float64]) -> float:
        density = torch.logaddexp(*_log_densities(middle, _bounded(point)))
        return 0.5 * float((((point - centre) / spread) ** 2).sum()) - float(weight @ density)

    return _bounded(minimize(loss, centre, method="Nelder-Mead", options={"maxiter": 2000}).x)


def cloud_probability(scores: Tensor, mixture: Mixture) -> Tensor:
    """Probability that an observation is cloudy.

    Args:
        scores: (...), NaN for no answer.
        mixture: of the same stack.

    Returns:
        (...) in 0 to 1, never falling as the score rises but for rounding; NaN for no answer.
    """
    clear, cloud = _log_densities(scores, mixture)
    return torch.sigmoid(cloud - clear)


@dataclass(frozen=True, kw_only=True)
class Recalibration:
    """A straight line through the log odds: what `am4cm calibrate` learns from a reference."""

    slope: float = 1.0
    intercept: float = 0.0

    def __call__(self, probability: Tensor) -> Tensor:
        """Calibrate (...) in 0 to 1, NaN for no answer; no change by default."""
        if self == AS_IT_IS:
            return probability
        return torch.sigmoid(self.slope * torch.logit(probability, eps=1e-6) + self.intercept)


AS_IT_IS = Recalibration()


def _log_densities(scores: Tensor, mixture: Mixture) -> tuple[Tensor, Tensor]:
    """Log joint densities of (score, clear) and (score, cloudy), but for a common constant."""
    # Far below the clear mode floats would cancel; nothing is more certain there anyway.
    z = ((scores - mixture.clear_mean) / mixture.clear_sd).clamp(min=LEAST_Z)
    rate = mixture.clear_sd / mixture.cloud_scale
    clear = log(1 - mixture.cloud_share) - log(mixture.clear_sd) - 0.5 * z**2
    # Exponentially modified Gaussian (Grushka 1972, Analytical Chemistry 44), its sqrt(2 pi) moved
    # over to the other density's side.
    tail = torch.special.log_ndtr(z - rate) + 0.5 * log(2 * torch.pi)
    cloud = log(mixture.cloud_share) - log(mixture.cloud_scale) + 0.5 * rate**2 - rate * z + tail
    return clear, cloud


def _unbounded(mixture: Mixture) -> NDArray[np.float64]:
    mean, sd, scale, share = astuple(mixture)
    return np.array([mean, log(sd), log(scale), log(share / (1 - share))])


def _bounded(point: NDArray[np.float64]) -> Mixture:
    mean, log_sd, log_scale, share = point.tolist()
    return Mixture(
        clear_mean=mean,
        clear_sd=exp(log_sd),
        cloud_scale=exp(log_scale),
        cloud_share=min(max(1 / (1 + exp(-share)), 1e-6), 1 - 1e-6),
    )
