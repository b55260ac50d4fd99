"""The original L-TAE as a classifier of pixel series."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from am4cm_cli.models.chance import Chance
from am4cm_cli.models.original import OriginalConfig, OriginalEncoder
from am4cm_cli.models.pixel import ModelConfig, PixelModel, Prediction, Rule

DAYS = 367
"""Rows of the table of positions: row 0, which no date has, and every day of a leap year."""


@dataclass(frozen=True, kw_only=True)
class CompatConfig(OriginalConfig, ModelConfig):
    """Everything that rebuilds an untrained Compat."""

    positions: int = DAYS

    def rules(self) -> tuple[Rule, ...]:
        """What must hold of a config that comes from a file, in the order to check it."""
        by_day = Rule(self.positions == DAYS, "positions", f"{DAYS}, a row for each day")
        return (*super().rules(), *self.encoder_rules(), by_day)


class Compat(PixelModel):
    """A linear embedding, the original encoder, and a linear classifier.

    The encoder is `encoder`, so its own state dict has the original's keys. It needs a fixed
    number of dates, T', so each of T' slots takes one of a series' observed dates, spread evenly
    over their ranks: a series of just T' observed dates is encoded as it is, a longer one loses
    some, a shorter one has some twice.
    """

    config: CompatConfig

    def __init__(self, config: CompatConfig) -> None:
        super().__init__(config)
        # LayerNorm over the bare bands would remove brightness, the main cue for clouds.
        self.embedding = nn.Linear(len(config.bands), config.features)
        self.encoder = OriginalEncoder(config)
        self.classifier = nn.Linear(config.neurons[-1], len(config.classes))

    def forward(
        self,
        reflectance: Tensor,
        day_of_year: Tensor,
        valid: Tensor,
        *,
        chance: Chance | None = None,
    ) -> Prediction:
        """Classify pixel series, as every `PixelModel` does; a date in no slot gets attention 0."""
        slots = choose_dates(valid, count=self.config.dates)
        features, rows = self._slotted(reflectance, day_of_year, slots)
        encoding = self.encoder(features, rows, chance=chance)
        attention = encoding.attention
        by_date = attention.new_zeros(len(attention), *valid.shape)
        by_date = by_date.scatter_add(2, slots.expand_as(attention), attention)
        return Prediction(self.classifier(encoding.features), by_date)

    def observed_logits(self, reflectance: Tensor, day_of_year: Tensor, valid: Tensor) -> Tensor:
        """Attention logits of all slots, (H, P * T')."""
        slots = choose_dates(valid, count=self.config.dates)
        embedded = self.encoder.embed(*self._slotted(reflectance, day_of_year, slots))
        return self.encoder.logits(embedded).flatten(1)

    def _slotted(
        self, reflectance: Tensor, day_of_year: Tensor, slots: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Features (P, T', C) and rows of positions (P, T') of the dates in the slots."""
        pixel = torch.arange(len(slots), device=slots.device)[:, None]
        standard = (reflectance[pixel, slots] - self.mean) / self.std
        return self.embedding(standard), day_of_year[pixel, slots].long()


def choose_dates(valid: Tensor, *, count: int) -> Tensor:
    """Which observed date each of so many slots takes: evenly by rank, in order of time.

    Args:
        valid: (P, T) bool, at least one True per pixel.
        count: slots.

    Returns:
        (P, count) whole numbers below T; the observed dates themselves where there are `count`.
    """
    observed_first = (~valid).to(torch.uint8).argsort(dim=1, stable=True)
    slot = torch.arange(count, device=valid.device)
    rank = slot * valid.sum(dim=1, keepdim=True) // count
    return observed_first.gather(1, rank)
