"""A pixel L-TAE; with a linear embedding, attention logits are affine in reflectance."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from am4cm_cli.models.chance import Chance, dropped
from am4cm_cli.models.heads import head_logits, pool
from am4cm_cli.models.norm import BatchNorm
from am4cm_cli.models.pixel import ModelConfig, PixelModel, Prediction, Rule, share, within
from am4cm_cli.models.positions import encode_ladder

EMBEDDINGS = ("linear", "mlp")


@dataclass(frozen=True, kw_only=True)
class LTAEConfig(ModelConfig):
    """Everything that rebuilds an untrained LTAE."""

    channels: int = 128
    """D, a multiple of heads."""
    hidden: int = 128
    """Units of the MLP behind the attention; 0 for no MLP."""
    dropout: float = 0.1
    embedding: str = "linear"
    """Of each date's reflectance: "linear", or "mlp" with one hidden layer of D units."""

    def rules(self) -> tuple[Rule, ...]:
        """What must hold of a config that comes from a file, in the order to check it."""
        return (
            *super().rules(),
            within("channels", self.channels),
            within("hidden", self.hidden, least=0),
            Rule(self.channels % max(self.heads, 1) == 0, "channels", "a multiple of heads"),
            share("dropout", self.dropout),
            Rule(self.embedding in EMBEDDINGS, "embedding", f"one of {', '.join(EMBEDDINGS)}"),
        )


class LTAE(PixelModel):
    """Lightweight temporal attention encoder (Garnot and Landrieu 2020) for pixel series.

    It differs from the paper where clouds matter: fixed standardisation per band instead of
    LayerNorm over a date's channels, which would remove brightness, and batch normalisation of
    the embedding over observed dates only. With a linear embedding there is nothing but affine
    maps between reflectance and attention logits, which `attention.fold` relies on.
    """

    config: LTAEConfig

    def __init__(self, config: LTAEConfig) -> None:
        super().__init__(config)
        self.embedding = _embedding(config)
        self.norm = BatchNorm(config.channels)
        self.key = nn.Linear(config.channels, config.heads * config.key_channels)
        # nn.init.normal_ would import torch's compiler, a second, where only shapes are asked for.
        size = config.heads, config.key_channels
        self.query = nn.Parameter(torch.normal(0.0, (2 / config.key_channels) ** 0.5, size))
        self.mlp = _mlp(config)
        self.classifier = nn.Linear(config.hidden or config.channels, len(config.classes))

    def embed(self, reflectance: Tensor, day_of_year: Tensor, valid: Tensor) -> Tensor:
        """Embed each date on its own.

        Args:
            reflectance: (P, T, B), 0 to 1 for most ground; anything where not valid.
            day_of_year: (P, T), 1 to 366.
            valid: (P, T) bool; other dates enter no statistic and come out as positions alone.

        Returns:
            (P, T, D).
        """
        # Found once: a GPU has to wait for each boolean index.
        seen = valid.flatten().nonzero().squeeze(1)
        standard = (reflectance.flatten(0, 1)[seen] - self.mean) / self.std
        observed: Tensor = self.norm(self.embedding(standard))
        embedded = observed.new_zeros(valid.numel(), self.config.channels)
        embedded = embedded.index_copy(0, seen, observed)
        by_head = embedded.reshape(*valid.shape, self.config.heads, -1)
        position = encode_ladder(day_of_year, channels=by_head.shape[-1])
        # In mixed precision, the sum would otherwise be float32 and twice the memory.
        return (by_head + position.unsqueeze(-2).to(by_head.dtype)).flatten(-2)

    def attention_logits(self, embedded: Tensor) -> Tensor:
        """Attention logit of each head for each date, before the softmax.

        Args:
            embedded: (P, T, D) from `embed`.

        Returns:
            (H, P, T).
        """
        return head_logits(embedded, self.key, self.query)

    def forward(
        self,
        reflectance: Tensor,
        day_of_year: Tensor,
        valid: Tensor,
        *,
        chance: Chance | None = None,
    ) -> Prediction:
        """Classify pixel series, as every `PixelModel` does."""
        embedded = self.embed(reflectance, day_of_year, valid)
        attention = attend(self.attention_logits(embedded), valid)
        rate = self.config.dropout
        pooled = pool(dropped(attention, chance, rate=rate, sample_axis=1), embedded)
        hidden = self.mlp(pooled)
        return Prediction(self.classifier(dropped(hidden, chance, rate=rate)), attention)

    def observed_logits(self, reflectance: Tensor, day_of_year: Tensor, valid: Tensor) -> Tensor:
        """Attention logits of all valid dates, (H, N), pixel by pixel."""
        return self.attention_logits(self.embed(reflectance, day_of_year, valid))[:, valid]


def attend(logits: Tensor, valid: Tensor) -> Tensor:
    """Softmax over the observed dates.

    Args:
        logits: (H, P, T).
        valid: (P, T) bool; a date that is not valid gets exactly 0.

    Returns:
        (H, P, T), sums to 1 over T; NaN for a pixel without a valid date.
    """
    return logits.masked_fill(~valid, -torch.inf).softmax(dim=-1)


def _embedding(config: LTAEConfig) -> nn.Module:
    """From (N, B) standardised reflectance to (N, D)."""
    bands, channels = len(config.bands), config.channels
    if config.embedding == "linear":
        return nn.Linear(bands, channels)
    hidden = nn.Linear(bands, channels), BatchNorm(channels), nn.ReLU()
    return nn.Sequential(*hidden, nn.Linear(channels, channels))


def _mlp(config: LTAEConfig) -> nn.Module:
    """From (P, D) pooled to (P, hidden)."""
    if config.hidden == 0:
        return nn.Identity()
    layers = nn.Linear(config.channels, config.hidden), BatchNorm(config.hidden), nn.ReLU()
    return nn.Sequential(*layers)
