"""Weights fitted to the bands that a stack has."""

import torch
from torch import Tensor

from am4cm_cli.attention import FoldedAttention, fold, spectral_index
from am4cm_cli.errors import WeightsError
from am4cm_cli.stacks.stack import Stack
from am4cm_cli.weights import Weights

LEAST_EXPLAINED = 0.8
"""Share of the index's variance that a stack's bands must tell."""
FEWEST_BANDS = 3
"""Brightness alone makes most of that variance, and any single band tells it."""


def serve(stack: Stack, weights: Weights) -> FoldedAttention:
    """Fold a model's attention onto those of its bands that a stack has, in the model's order.

    Raises:
        WeightsError: these bands tell too little of what the attention responds to.
    """
    whole = fold(weights.model, name=weights.name)
    found = tuple(band for band in whole.bands if band in stack.bands)
    served = whole.on_bands(found, _covariance(weights))
    share = explained_share(served, whole, weights) if found else 0.0
    if len(found) < FEWEST_BANDS or share < LEAST_EXPLAINED:
        raise WeightsError(
            f"{stack.source}: its bands {', '.join(stack.bands)} tell {share:.0%} of what the "
            f"attention of the weights {weights.name} responds to; expected at least "
            f"{FEWEST_BANDS} of its bands and {LEAST_EXPLAINED:.0%}. "
            f"Add some of {', '.join(b for b in whole.bands if b not in found)}, or name other "
            "weights with --weights."
        )
    return served


def explained_share(served: FoldedAttention, whole: FoldedAttention, weights: Weights) -> float:
    """Share of the spectral index's variance over the training series left on fewer bands."""
    kept = [whole.bands.index(band) for band in served.bands]
    covariance = _covariance(weights)
    logit_sd = torch.tensor(weights.calibration.logit_sd, dtype=torch.float64)
    part = _variance(spectral_index(served, logit_sd), covariance[kept][:, kept])
    return part / _variance(spectral_index(whole, logit_sd), covariance)


def _covariance(weights: Weights) -> Tensor:
    return torch.tensor(weights.calibration.band_covariance, dtype=torch.float64)


def _variance(index: Tensor, covariance: Tensor) -> float:
    return float(index @ covariance @ index)
