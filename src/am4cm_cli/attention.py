"""Attention logits date by date; an L-TAE folded into one affine map from reflectance to them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor, nn

from am4cm_cli.errors import WeightsError
from am4cm_cli.models import LTAE, Compat, PixelModel
from am4cm_cli.models.positions import encode_days


@dataclass(frozen=True, kw_only=True)
class Attention:
    """Attention logits of a model whose dates don't know of one another: one form for all of them.

    logit[h, t] = weight[h] . (what the date shows) + day term[h, t].
    """

    bands: tuple[str, ...]
    weight: Tensor
    """(H, S) logit per unit of what a date shows: of reflectance, S is B then, or of its units."""
    bias: Tensor
    """(H,)"""
    day_weight: Tensor
    """(H, D) logit per channel of the encoded day."""
    mean: Tensor
    """(B,) reflectance over the training series."""

    def day_term(self, day_of_year: Tensor) -> Tensor:
        """The date's own part of the logits, (H, T), for (T,) days of the year."""
        heads, channels = self.day_weight.shape
        encoded = encode_days(day_of_year, channels=channels, heads=heads)
        return self.day_weight @ encoded.to(self.day_weight.dtype).T + self.bias[:, None]

    def logits(self, reflectance: Tensor, day_of_year: Tensor) -> Tensor:
        """Attention logits of a stack.

        Args:
            reflectance: (T, B, P).
            day_of_year: (T,), 1 to 366.

        Returns:
            (H, T, P).
        """
        return self.spectral(reflectance) + self.day_term(day_of_year)[..., None]

    def spectral(self, reflectance: Tensor) -> Tensor:
        """What (T, B, P) reflectance adds to the logits, (H, T, P)."""
        raise NotImplementedError

    def on_bands(self, bands: tuple[str, ...], covariance: Tensor) -> Self:
        """The same attention for a stack with only these of its bands, in this order.

        A missing band is replaced by its linear regression on the bands there, over the training
        series: what it is expected to be, given what was seen.

        Args:
            bands: some of this attention's.
            covariance: (B, B) of reflectance over the training series.
        """
        raise NotImplementedError

    def to(self, device: torch.device, dtype: torch.dtype) -> Self:
        """The same attention on another device, in another precision."""
        return replace(
            self,
            weight=self.weight.to(device, dtype),
            bias=self.bias.to(device, dtype),
            day_weight=self.day_weight.to(device, dtype),
            mean=self.mean.to(device, dtype),
        )


@dataclass(frozen=True, kw_only=True)
class FoldedAttention(Attention):
    """Attention logits without the network: one affine map from reflectance, `weight` (H, B).

    Exact, because an LTAE with a linear embedding has only affine maps between reflectance and
    attention logits once its batch normalisation stands still.
    """

    def spectral(self, reflectance: Tensor) -> Tensor:
        """What (T, B, P) reflectance adds to the logits, (H, T, P)."""
        return torch.einsum("hb,tbp->htp", self.weight, reflectance)

    def on_bands(self, bands: tuple[str, ...], covariance: Tensor) -> Self:
        """See `Attention`; the logit is what it is expected to be, then."""
        guess = Guess.of(self.bands, bands, self.mean, covariance)
        weight, constant = guess.into(self.weight)
        return replace(
            self,
            bands=bands,
            weight=weight,
            bias=self.bias + constant,
            mean=self.mean[guess.kept],
        )


@dataclass(frozen=True, kw_only=True)
class Guess:
    """Bands that a stack lacks, as an affine map of those it has."""

    kept: list[int]
    gone: list[int]
    slope: Tensor
    """(gone, kept)"""
    intercept: Tensor
    """(gone,)"""

    @classmethod
    def of(
        cls, whole: tuple[str, ...], bands: tuple[str, ...], mean: Tensor, covariance: Tensor
    ) -> Guess:
        """Regress those of `whole` that are not in `bands` on those that are.

        Args:
            whole: (B,) names.
            bands: some of them.
            mean: (B,) reflectance.
            covariance: (B, B) of reflectance.
        """
        kept = [whole.index(band) for band in bands]
        gone = [i for i in range(len(whole)) if i not in kept]
        # The pseudo-inverse, since bands that never change leave the covariance singular.
        inverse = torch.linalg.pinv(covariance[kept][:, kept], hermitian=True)
        slope = covariance[gone][:, kept] @ inverse
        return cls(kept=kept, gone=gone, slope=slope, intercept=mean[gone] - slope @ mean[kept])

    def into(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Turn an (N, B) map of all bands into one of those kept, and (N,) to add to it."""
        gone = weight[:, self.gone]
        return weight[:, self.kept] + gone @ self.slope, gone @ self.intercept


def unfoldable(model: PixelModel) -> str | None:
    """Why this model cannot be folded; None where it can."""
    if isinstance(model, Compat):
        return "the original L-TAE normalises each date by its own features (LayerNorm)"
    assert isinstance(model, LTAE)
    if model.config.embedding != "linear":
        return f"each date is embedded by an {model.config.embedding.upper()}"
    return None


@torch.inference_mode()
def fold(model: PixelModel, *, name: str = "the model") -> FoldedAttention:
    """Fold standardisation, embedding, batch norm, keys and queries together, in float64.

    Args:
        model: in evaluation or training mode; the running statistics count.
        name: of the weights, for the message.

    Raises:
        WeightsError: its attention logits are not affine in reflectance.
    """
    reason = unfoldable(model)
    if reason is not None:
        raise WeightsError(
            f"{name}: attention logits are not affine in reflectance, for {reason}; a spectral "
            "index needs those of a linear embedding. Name other weights, or train with --model "
            "default."
        )
    assert isinstance(model, LTAE)
    to_channels, shift = _embedding(model)
    day_weight, constant = fold_heads(model.query, model.key)
    return FoldedAttention(
        bands=model.config.bands,
        weight=day_weight @ to_channels,
        bias=day_weight @ shift + constant,
        day_weight=day_weight,
        mean=model.mean.double(),
    )


def fold_heads(query: Tensor, key: nn.Linear) -> tuple[Tensor, Tensor]:
    """The (H, D) and (H,) of the affine map from embedded dates to logits, in float64.

    query . (key weight @ channels + key bias) / sqrt(d): one vector over the channels per head.
    """
    scaled = query.double() / query.shape[-1] ** 0.5
    by_head = key.weight.double().unflatten(0, query.shape)
    weight = torch.einsum("hk,hkd->hd", scaled, by_head)
    return weight, (scaled * key.bias.double().unflatten(0, query.shape)).sum(-1)


def fold_norm(norm: nn.BatchNorm1d, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """Let settled batch normalisation follow an affine map: (N, S) and (N,), in float64."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    gain = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
    shifted = bias.double() - norm.running_mean.double()
    return gain[:, None] * weight.double(), gain * shifted + norm.bias.double()


def fold_standard(model: PixelModel, layer: nn.Linear) -> tuple[Tensor, Tensor]:
    """Let a linear layer follow the standardisation of bands: (N, B) and (N,), in float64."""
    weight = layer.weight.double() / model.std.double()
    return weight, layer.bias.double() - weight @ model.mean.double()


def _embedding(model: LTAE) -> tuple[Tensor, Tensor]:
    """The (D, B) and (D,) of the affine map from reflectance to embedded dates, but for days."""
    assert isinstance(model.embedding, nn.Linear)
    return fold_norm(model.norm, *fold_standard(model, model.embedding))


def spectral_index(attention: Attention, logit_sd: Tensor) -> Tensor:
    """The one number per band that all heads together respond to.

    In the counterfactual the date's own term cancels, so only v = mean_h weight[h] / sd[h] counts.

    Args:
        attention: of all heads.
        logit_sd: (H,) standard deviation of each head's logit over the training series.

    Returns:
        (B,) index per unit of reflectance, a clear sky has more of it than a cloudy one; (U,) per
        unit where an attention has units of its own.
    """
    return (attention.weight / logit_sd[:, None]).mean(0)
