"""Weights fitted to the bands that a stack has."""

import torch
from torch import Tensor

from am4cm_cli.attention import Attention, FoldedAttention, spectral_index
from am4cm_cli.errors import WeightsError
from am4cm_cli.nonlinear import read_attention
from am4cm_cli.stacks.stack import Stack
from am4cm_cli.weights import Weights

LEAST_EXPLAINED = 0.8
"""Share of the index's variance that a stack's bands must tell."""
FEWEST_BANDS = 3
"""Brightness alone makes most of that variance, and any single band tells it."""
DRAWN = 2**14
"""Spectra to ask a network about; the share is sure to 0.01 then."""


def serve(stack: Stack, weights: Weights) -> Attention:
    """Fit a model's attention to those of its bands that a stack has, in the model's order.

    Raises:
        WeightsError: these bands tell too little of what the attention responds to, or the
            attention of a date depends on other dates.
    """
    whole = read_attention(weights.model, name=weights.name)
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


def explained_share(served: Attention, whole: Attention, weights: Weights) -> float:
    """Share of the variance of what all heads respond to, over the training series, that is left.

    Args:
        served: on fewer bands.
        whole: on all of them.
        weights: that both are of.

    Returns:
        At most 1; of a network, which may respond to its guesses with more than it would to what
        they stand for, from 0.
    """
    kept = [whole.bands.index(band) for band in served.bands]
    covariance = _covariance(weights)
    logit_sd = torch.tensor(weights.calibration.logit_sd, dtype=torch.float64)
    if not isinstance(whole, FoldedAttention):
        return _drawn_share(served, whole, kept, covariance, logit_sd)
    part = _variance(spectral_index(served, logit_sd), covariance[kept][:, kept])
    return part / _variance(spectral_index(whole, logit_sd), covariance)


def _drawn_share(
    served: Attention, whole: Attention, kept: list[int], covariance: Tensor, logit_sd: Tensor
) -> float:
    """By asking both about normal spectra with the moments of the training series, always the same.

    Of affine responses, what is lost and what is left are uncorrelated and add up to the whole, so
    this is the same share.
    """
    size, axes = torch.linalg.eigh(covariance)
    generator = torch.Generator().manual_seed(0)
    normal = torch.randn(len(covariance), DRAWN, generator=generator, dtype=torch.float64)
    spectra = whole.mean[:, None] + axes @ (size.clamp(min=0).sqrt()[:, None] * normal)
    full, part = (
        (attention.spectral(spectra[None, bands])[:, 0] / logit_sd[:, None]).mean(0)
        for attention, bands in ((whole, slice(None)), (served, kept))
    )
    return max(0.0, 1 - float((full - part).var() / full.var()))


def _covariance(weights: Weights) -> Tensor:
    return torch.tensor(weights.calibration.band_covariance, dtype=torch.float64)


def _variance(index: Tensor, covariance: Tensor) -> float:
    return float(index @ covariance @ index)
