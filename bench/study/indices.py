"""Spectral indices to smooth over time: those of the heads, and others that no network made."""

from collections.abc import Mapping

import torch
from torch import Tensor

from am4cm_cli.attention import fold, spectral_index
from am4cm_cli.weights import Weights

RANDOM = 12
HALVES = 8
SEED = 0


def network(weights: Weights) -> Tensor:
    """(B,) of all heads together."""
    return spectral_index(fold(weights.model), _logit_sd(weights)).float()


def of_heads(weights: Weights) -> Tensor:
    """(H, B) of each head alone, in units of its logit's spread."""
    return (fold(weights.model).weight / _logit_sd(weights)[:, None]).float()


def halves(weights: Weights) -> Tensor:
    """(HALVES, B) of half the heads, drawn at random."""
    heads = of_heads(weights)
    generator = torch.Generator().manual_seed(SEED)
    drawn = [torch.randperm(len(heads), generator=generator) for _ in range(HALVES)]
    return torch.stack([heads[order[: len(heads) // 2]].mean(0) for order in drawn])


def without_network(weights: Weights) -> Mapping[str, Tensor]:
    """(B,) indices by name that need no network."""
    covariance = _covariance(weights)
    sd = covariance.diagonal().sqrt()
    correlation = covariance / sd / sd[:, None]
    first = torch.linalg.eigh(correlation).eigenvectors[:, -1] / sd
    bands = fold(weights.model).bands
    blue = torch.tensor([float(band == "B02") for band in bands], dtype=torch.float64)
    return {
        "the blue band": like(blue, weights),
        "first principal component": like(first, weights),
    }


def at_random(weights: Weights) -> Tensor:
    """(RANDOM, B) directions drawn evenly among standardised bands."""
    generator = torch.Generator().manual_seed(SEED)
    sd = _covariance(weights).diagonal().sqrt()
    drawn = torch.randn(RANDOM, len(sd), generator=generator, dtype=torch.float64) / sd
    return torch.stack([like(index, weights) for index in drawn])


def like(index: Tensor, weights: Weights) -> Tensor:
    """An index as widely spread over the training series as the network's, falling with blue."""
    covariance = _covariance(weights)
    wanted = network(weights).double()
    scale = ((wanted @ covariance @ wanted) / (index @ covariance @ index)).sqrt()
    blue = fold(weights.model).bands.index("B02")
    return (-torch.sign((covariance @ index)[blue]) * scale * index).float()


def _covariance(weights: Weights) -> Tensor:
    return torch.tensor(weights.calibration.band_covariance, dtype=torch.float64)


def _logit_sd(weights: Weights) -> Tensor:
    return torch.tensor(weights.calibration.logit_sd, dtype=torch.float64)
