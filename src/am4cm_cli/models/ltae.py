"""A pixel L-TAE with a linear embedding, so that attention logits are linear in reflectance."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from am4cm_cli.models.positions import encode_days


@dataclass(frozen=True, kw_only=True)
class LTAEConfig:
    """Everything that rebuilds an untrained LTAE."""

    bands: tuple[str, ...]
    """In the order the model sees them."""
    mean: tuple[float, ...]
    """(B,) reflectance that standardises to 0."""
    std: tuple[float, ...]
    """(B,) reflectance that standardises to 1."""
    classes: tuple[str, ...]
    """(K,) names."""
    channels: int = 128
    """D, a multiple of heads."""
    heads: int = 16
    key_channels: int = 8
    """Channels of each head's key and query."""
    hidden: int = 128
    """Units of the MLP behind the attention."""
    dropout: float = 0.1


class Prediction(NamedTuple):
    """What every model answers."""

    logits: Tensor
    """(P, K)"""
    attention: Tensor
    """(H, P, T), before dropout."""


class LTAE(nn.Module):
    """Lightweight temporal attention encoder (Garnot and Landrieu 2020) for pixel series.

    It differs from the paper where clouds matter: fixed standardisation per band instead of
    LayerNorm over a date's channels, which would remove brightness, and batch normalisation of
    the embedding over observed dates only. Between reflectance and attention logits there is
    nothing but affine maps, which `attention.fold` relies on.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, config: LTAEConfig) -> None:
        super().__init__()
        self.config = config
        # The header of the weights file holds these two; the tensors need not repeat them.
        self.register_buffer("mean", torch.tensor(config.mean), persistent=False)
        self.register_buffer("std", torch.tensor(config.std), persistent=False)
        self.embedding = nn.Linear(len(config.bands), config.channels)
        self.norm = nn.BatchNorm1d(config.channels)
        self.key = nn.Linear(config.channels, config.heads * config.key_channels)
        self.query = nn.Parameter(torch.empty(config.heads, config.key_channels))
        nn.init.normal_(self.query, std=(2 / config.key_channels) ** 0.5)
        self.attention_dropout = nn.Dropout(config.dropout)
        self.mlp = nn.Sequential(
            nn.Linear(config.channels, config.hidden),
            nn.BatchNorm1d(config.hidden),
            nn.ReLU(),
            nn.Dropout(config.dropout),
        )
        self.classifier = nn.Linear(config.hidden, len(config.classes))

    def embed(self, reflectance: Tensor, day_of_year: Tensor, valid: Tensor) -> Tensor:
        """Embed each date on its own.

        Args:
            reflectance: (P, T, B), 0 to 1 for most ground; anything where not valid.
            day_of_year: (P, T), 1 to 366.
            valid: (P, T) bool; other dates enter no statistic and come out as positions alone.

        Returns:
            (P, T, D).
        """
        observed: Tensor = self.embedding((reflectance[valid] - self.mean) / self.std)
        embedded = observed.new_zeros(*valid.shape, self.config.channels)
        embedded[valid] = self.norm(observed)
        return embedded + encode_days(
            day_of_year, channels=self.config.channels, heads=self.config.heads
        )

    def attention_logits(self, embedded: Tensor) -> Tensor:
        """Attention logit of each head for each date, before the softmax.

        Args:
            embedded: (P, T, D) from `embed`.

        Returns:
            (H, P, T).
        """
        key: Tensor = self.key(embedded).unflatten(-1, self.query.shape)
        query = self.query / self.query.shape[-1] ** 0.5
        return torch.einsum("hd,pthd->hpt", query, key)

    def forward(self, reflectance: Tensor, day_of_year: Tensor, valid: Tensor) -> Prediction:
        """Classify pixel series; shapes as in `embed`, at least one valid date per pixel."""
        embedded = self.embed(reflectance, day_of_year, valid)
        attention = attend(self.attention_logits(embedded), valid)
        # Head h takes its own slice of the channels as values (Garnot and Landrieu 2020).
        value = embedded.unflatten(-1, (self.config.heads, -1))
        pooled = torch.einsum("hpt,pthd->phd", self.attention_dropout(attention), value)
        return Prediction(self.classifier(self.mlp(pooled.flatten(1))), attention)


def attend(logits: Tensor, valid: Tensor) -> Tensor:
    """Softmax over the observed dates.

    Args:
        logits: (H, P, T).
        valid: (P, T) bool; a date that is not valid gets exactly 0.

    Returns:
        (H, P, T), sums to 1 over T; NaN for a pixel without a valid date.
    """
    return logits.masked_fill(~valid, -torch.inf).softmax(dim=-1)
