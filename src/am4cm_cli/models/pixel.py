"""What every model of pixel series is, whatever its inside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from am4cm_cli.models.chance import Chance

LARGEST = 10**6


class Rule(NamedTuple):
    """What must hold between the fields of a config."""

    held: bool
    fields: str
    expected: str


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """Everything that rebuilds an untrained model; each model adds its own fields."""

    bands: tuple[str, ...]
    """In the order the model sees them."""
    mean: tuple[float, ...]
    """(B,) reflectance that standardises to 0."""
    std: tuple[float, ...]
    """(B,) reflectance that standardises to 1."""
    classes: tuple[str, ...]
    """(K,) names."""
    heads: int = 16
    """H"""
    key_channels: int = 8
    """Channels of each head's key and query."""

    def rules(self) -> tuple[Rule, ...]:
        """What must hold of a config that comes from a file, in the order to check it."""
        bands = len(self.bands)
        return (
            Rule(len(self.mean) == len(self.std) == bands, "mean and std", f"{bands} numbers each"),
            Rule(min(self.std, default=0) > 0, "std", "numbers above 0"),
            Rule(len(self.classes) > 0, "classes", "at least one"),
            within("heads and key_channels", self.heads, self.key_channels),
        )


def within(fields: str, *sizes: int, least: int = 1) -> Rule:
    """The rule that sizes are neither too small nor absurd."""
    held = all(least <= size <= LARGEST for size in sizes)
    return Rule(held, fields, f"{least} to 10^6")


def share(field: str, value: float) -> Rule:
    """The rule that a rate of dropout leaves something."""
    return Rule(0 <= value < 1, field, "from 0 to below 1")


class Prediction(NamedTuple):
    """What every model answers."""

    logits: Tensor
    """(P, K)"""
    attention: Tensor
    """(H, P, T), before dropout."""


class PixelModel(nn.Module):
    """A classifier of pixel series by attention over their dates."""

    mean: Tensor
    std: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        # The header of the weights file holds these two; the tensors need not repeat them.
        self.register_buffer("mean", torch.tensor(config.mean), persistent=False)
        self.register_buffer("std", torch.tensor(config.std), persistent=False)

    def forward(
        self,
        reflectance: Tensor,
        day_of_year: Tensor,
        valid: Tensor,
        *,
        chance: Chance | None = None,
    ) -> Prediction:
        """Classify pixel series.

        Args:
            reflectance: (P, T, B), 0 to 1 for most ground; anything where not valid.
            day_of_year: (P, T), 1 to 366.
            valid: (P, T) bool, at least one True per pixel; other dates change nothing.
            chance: what dropout draws from; without it nothing is dropped, training or not.
        """
        raise NotImplementedError

    def observed_logits(self, reflectance: Tensor, day_of_year: Tensor, valid: Tensor) -> Tensor:
        """Attention logits, before the softmax, of everything the softmax weighs.

        Args:
            reflectance: (P, T, B), as in `forward`.
            day_of_year: (P, T), as in `forward`.
            valid: (P, T) bool, as in `forward`.

        Returns:
            (H, N): one per head for each of N observed dates of all pixels together.
        """
        raise NotImplementedError
