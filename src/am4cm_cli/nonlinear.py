"""Attention that cannot be folded into an affine map: up to its one bend, and from there on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor, nn

from am4cm_cli.attention import (
    Attention,
    FoldedAttention,
    Guess,
    fold,
    fold_heads,
    fold_norm,
    fold_standard,
    unfoldable,
)
from am4cm_cli.errors import WeightsError
from am4cm_cli.models import LTAE, Compat, PixelModel

LAYER_NORM_EPS = 1e-5
"""Of torch's LayerNorm, which the original L-TAE takes as it is."""

Bend = Callable[[Tensor], Tensor]
"""What is not affine: (U, P) units in, (U, P) out, in place."""


def rectify(units: Tensor) -> Tensor:
    """ReLU."""
    return units.relu_()


def normalise(units: Tensor) -> Tensor:
    """LayerNorm of units that have a mean of 0 already, without its affine map."""
    return units.mul_(units.square().mean(0).add_(LAYER_NORM_EPS).rsqrt_())


@dataclass(frozen=True, kw_only=True)
class Units:
    """What a date's reflectance goes through by itself: an affine map and a bend."""

    weight: Tensor
    """(U, B + 1) per unit of reflectance; the last column is added."""
    bend: Bend

    def project(self, reflectance: Tensor, weight: Tensor) -> Tensor:
        """Weighted sums over bent units, date by date, so that few units are held at a time.

        Args:
            reflectance: (T, B, P).
            weight: (S, U).

        Returns:
            (T, S, P), contiguous.
        """
        # Not by torch.compile: on a CPU it makes a third as many a second of an MLP, two thirds of
        # a LayerNorm, takes seconds first and needs a C++ compiler (bench/speed/unfolded.py).
        dates, bands, pixels = reflectance.shape
        # Always from one place in memory, since the last bits may depend on how numbers lie there.
        shown = self.weight.new_ones(bands + 1, pixels)
        units = self.weight.new_empty(len(self.weight), pixels)
        sums = self.weight.new_empty(dates, len(weight), pixels)
        for date, to in zip(reflectance, sums, strict=True):
            shown[:-1].copy_(date)
            torch.mm(self.weight, shown, out=units)
            torch.mm(weight, self.bend(units), out=to)
        return sums

    def on_bands(self, guess: Guess) -> Units:
        """The same units of a stack that lacks some bands."""
        weight, constant = guess.into(self.weight[:, :-1])
        return replace(self, weight=_joined(weight, self.weight[:, -1] + constant))

    def to(self, device: torch.device, dtype: torch.dtype) -> Units:
        """The same on another device, in another precision."""
        return replace(self, weight=self.weight.to(device, dtype))


@dataclass(frozen=True, kw_only=True)
class NonlinearAttention(Attention):
    """Attention logits of a network with one bend, `weight` (H, U) behind it.

    Exact: what lies before the bend is folded into one affine map, what follows into another.
    """

    units: Units

    def spectral(self, reflectance: Tensor) -> Tensor:
        """What (T, B, P) reflectance adds to the logits, (H, T, P)."""
        return self.units.project(reflectance, self.weight).transpose(0, 1)

    def on_bands(self, bands: tuple[str, ...], covariance: Tensor) -> Self:
        """See `Attention`; the logit is that of the expected reflectance, then."""
        guess = Guess.of(self.bands, bands, self.mean, covariance)
        return replace(
            self, bands=bands, units=self.units.on_bands(guess), mean=self.mean[guess.kept]
        )

    def to(self, device: torch.device, dtype: torch.dtype) -> Self:
        """The same attention on another device, in another precision."""
        return replace(super().to(device, dtype), units=self.units.to(device, dtype))


def read_attention(
    model: PixelModel, *, name: str = "the model"
) -> FoldedAttention | NonlinearAttention:
    """Take the attention logits out of a model, folded as far as they can be, in float64.

    Args:
        model: in evaluation or training mode; the running statistics count.
        name: of the weights, for the message.

    Raises:
        WeightsError: a date's attention logits depend on other dates.
    """
    if unfoldable(model) is None:
        return fold(model, name=name)
    if isinstance(model, LTAE):
        return _fold_mlp(model)
    assert isinstance(model, Compat)
    if model.config.convolution:
        raise WeightsError(
            f"{name}: the original L-TAE of this size normalises all dates of a series together "
            "(LayerNorm behind its convolution), so a date's attention logit is not its own; a "
            "mask needs that. Name other weights, or train with --model default."
        )
    return _fold_compat(model)


@torch.inference_mode()
def _fold_mlp(model: LTAE) -> NonlinearAttention:
    assert isinstance(model.embedding, nn.Sequential)
    first, norm, _, last = model.embedding
    assert isinstance(first, nn.Linear)
    assert isinstance(norm, nn.BatchNorm1d)
    assert isinstance(last, nn.Linear)
    to_channels, shift = fold_norm(model.norm, last.weight, last.bias)
    day_weight, constant = fold_heads(model.query, model.key)
    return NonlinearAttention(
        bands=model.config.bands,
        units=Units(weight=_joined(*fold_norm(norm, *fold_standard(model, first))), bend=rectify),
        weight=day_weight @ to_channels,
        bias=day_weight @ shift + constant,
        day_weight=day_weight,
        mean=model.mean.double(),
    )


@torch.inference_mode()
def _fold_compat(model: Compat) -> NonlinearAttention:
    """Of an original L-TAE without a convolution: its LayerNorm knows one date alone."""
    norm = model.encoder.inlayernorm
    assert norm.eps == LAYER_NORM_EPS
    weight, constant = fold_standard(model, model.embedding)
    heads = model.encoder.attention_heads
    day_weight, bias = fold_heads(heads.Q, heads.fc1_k)
    return NonlinearAttention(
        bands=model.config.bands,
        # What LayerNorm subtracts is affine, too.
        units=Units(
            weight=_joined(weight - weight.mean(0), constant - constant.mean()), bend=normalise
        ),
        weight=day_weight * norm.weight.double(),
        bias=day_weight @ norm.bias.double() + bias,
        day_weight=day_weight,
        mean=model.mean.double(),
    )


def _joined(weight: Tensor, constant: Tensor) -> Tensor:
    return torch.cat([weight, constant[:, None]], dim=1)
