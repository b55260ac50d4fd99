"""The original L-TAE, exactly: Garnot and Landrieu 2020, arXiv:2007.00586."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn

from am4cm_cli.models.chance import Chance, dropped
from am4cm_cli.models.heads import head_logits, pool
from am4cm_cli.models.norm import BatchNorm
from am4cm_cli.models.pixel import Rule, share, within
from am4cm_cli.models.positions import encode_days
from am4cm_cli.models.sizes import FEATURES, KEY_CHANNELS

MOST_LAYERS = 16


@dataclass(frozen=True, kw_only=True)
class OriginalConfig:
    """Everything that rebuilds an untrained original encoder; by default the 112k one."""

    features: int = FEATURES
    """C, of each date."""
    dates: int = 24
    """T; the joint LayerNorm has a weight for each."""
    positions: int = 24
    """Rows of the table of positions; row r of an untrained one encodes r."""
    heads: int = 16
    """H"""
    key_channels: int = KEY_CHANNELS
    """Channels of each head's key and query."""
    neurons: tuple[int, ...] = (256, 128)
    """D, a multiple of H, then the units of each layer of the MLP."""
    convolution: bool = True
    """A 1x1 convolution from C to D and a LayerNorm over (D, T) jointly; without, C is D."""
    attention_dropout: float = 0.1
    dropout: float = 0.2
    """Between MLP and last LayerNorm."""

    def encoder_rules(self) -> tuple[Rule, ...]:
        """What must hold of a config that comes from a file, in the order to check it."""
        channels = self.neurons[0] if self.neurons else 0
        named = "heads, key_channels, features, dates and positions"
        fitting = self.convolution or self.features == channels
        return (
            within(named, self.heads, self.key_channels, self.features, self.dates, self.positions),
            Rule(1 <= len(self.neurons) <= MOST_LAYERS, "neurons", f"1 to {MOST_LAYERS} of them"),
            within("neurons", *self.neurons),
            Rule(channels % max(self.heads, 1) == 0, "neurons", "the first a multiple of heads"),
            Rule(fitting, "features", "the first of neurons where there is no convolution"),
            share("attention_dropout", self.attention_dropout),
            share("dropout", self.dropout),
        )


class Encoding(NamedTuple):
    """What the encoder makes of series."""

    features: Tensor
    """(P, E), E the last of the config's neurons."""
    attention: Tensor
    """(H, P, T), before dropout."""


class OriginalEncoder(nn.Module):
    """The temporal encoder of the paper; its state dict has the original's keys and shapes.

    It knows no missing dates: all series have T of them. The LayerNorm at its entrance takes the
    mean off each date's features, so give it an embedding, not bare bands, where brightness
    counts.
    """

    def __init__(self, config: OriginalConfig) -> None:
        super().__init__()
        self.config = config
        channels = config.neurons[0]
        self.inlayernorm = nn.LayerNorm(config.features)
        self.inconv = _convolution(config) if config.convolution else nn.Identity()
        self.position_enc = PositionTable(config.positions, channels=channels, heads=config.heads)
        self.attention_heads = Heads(channels, config)
        self.mlp = nn.Sequential(*_layers(config.neurons))
        self.outlayernorm = nn.LayerNorm(config.neurons[-1])

    def embed(self, features: Tensor, rows: Tensor) -> Tensor:
        """Channels of each date with its position added; shapes as in `forward`, (P, T, D)."""
        normed = self.inlayernorm(features).transpose(1, 2)
        embedded: Tensor = self.inconv(normed).transpose(1, 2)
        position: Tensor = self.position_enc(rows)
        return embedded + position

    def logits(self, embedded: Tensor) -> Tensor:
        """Attention logits before the softmax, (H, P, T), for (P, T, D) from `embed`."""
        return head_logits(embedded, self.attention_heads.fc1_k, self.attention_heads.Q)

    def forward(
        self, features: Tensor, rows: Tensor | None = None, *, chance: Chance | None = None
    ) -> Encoding:
        """Encode series.

        Args:
            features: (P, T, C).
            rows: (P, T) whole numbers, each date's row in the table of positions; 0 to T - 1
                unless given.
            chance: what dropout draws from; without it nothing is dropped, training or not.
        """
        if rows is None:
            rows = torch.arange(features.shape[1], device=features.device)
        embedded = self.embed(features, rows)
        attention = self.logits(embedded).softmax(dim=-1)
        rate = self.config.attention_dropout
        pooled = pool(dropped(attention, chance, rate=rate, sample_axis=1), embedded)
        hidden = dropped(self.mlp(pooled), chance, rate=self.config.dropout)
        return Encoding(self.outlayernorm(hidden), attention)


class PositionTable(nn.Module):
    """Encoded positions, not trained, yet part of the state dict."""

    weight: Tensor

    def __init__(self, rows: int, *, channels: int, heads: int) -> None:
        super().__init__()
        table = encode_days(torch.arange(rows), channels=channels, heads=heads)
        self.register_buffer("weight", table)

    def forward(self, rows: Tensor) -> Tensor:
        """The table's rows, (..., D) for whole numbers (...)."""
        return self.weight[rows]


class Heads(nn.Module):
    """The queries and keys, under their original names; `heads.py` computes with them."""

    def __init__(self, channels: int, config: OriginalConfig) -> None:
        super().__init__()
        # nn.init.normal_ would import torch's compiler, a second, where only shapes are asked for.
        size = config.heads, config.key_channels
        self.Q = nn.Parameter(torch.normal(0.0, (2 / config.key_channels) ** 0.5, size))
        self.fc1_k = nn.Linear(channels, config.heads * config.key_channels)


def _convolution(config: OriginalConfig) -> nn.Module:
    channels = config.neurons[0]
    norm = nn.LayerNorm((channels, config.dates))
    return nn.Sequential(nn.Conv1d(config.features, channels, 1), norm)


def _layers(neurons: tuple[int, ...]) -> list[nn.Module]:
    return [
        layer
        for before, after in pairwise(neurons)
        for layer in (nn.Linear(before, after), BatchNorm(after), nn.ReLU())
    ]
