"""The attention of an L-TAE folded into one affine map from reflectance to logits."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from am4cm_cli.errors import WeightsError
from am4cm_cli.models import LTAE, Compat, PixelModel
from am4cm_cli.models.positions import encode_days


@dataclass(frozen=True, kw_only=True)
class FoldedAttention:
    """Attention logits without the network: logit[h, t] = weight[h] . x[t] + day term[h, t].

    Exact, because an LTAE has only affine maps between reflectance and attention logits once its
    batch normalisation stands still.
    """

    bands: tuple[str, ...]
    weight: Tensor
    """(H, B) logit per unit of reflectance."""
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
        spectral = torch.einsum("hb,tbp->htp", self.weight, reflectance)
        return spectral + self.day_term(day_of_year)[..., None]

    def on_bands(self, bands: tuple[str, ...], covariance: Tensor) -> FoldedAttention:
        """The same attention for a stack with only these of its bands, in this order.

        A missing band is replaced by its linear regression on the bands there, over the training
        series: what the logit is expected to be, given what was seen.

        Args:
            bands: some of this attention's.
            covariance: (B, B) of reflectance over the training series.
        """
        kept = [self.bands.index(band) for band in bands]
        gone = [i for i in range(len(self.bands)) if i not in kept]
        # The pseudo-inverse, since bands that never change leave the covariance singular.
        inverse = torch.linalg.pinv(covariance[kept][:, kept], hermitian=True)
        slope = covariance[gone][:, kept] @ inverse
        intercept = self.mean[gone] - slope @ self.mean[kept]
        return replace(
            self,
            bands=bands,
            weight=self.weight[:, kept] + self.weight[:, gone] @ slope,
            bias=self.bias + self.weight[:, gone] @ intercept,
            mean=self.mean[kept],
        )

    def to(self, device: torch.device, dtype: torch.dtype) -> FoldedAttention:
        """The same attention on another device, in another precision."""
        return replace(
            self,
            weight=self.weight.to(device, dtype),
            bias=self.bias.to(device, dtype),
            day_weight=self.day_weight.to(device, dtype),
            mean=self.mean.to(device, dtype),
        )


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
            f"{name}: attention logits are not affine in reflectance, for {reason}; a mask needs "
            "those of a linear embedding. Name other weights, or train with --model default."
        )
    assert isinstance(model, LTAE)
    to_channels, shift = _embedding(model)
    # query . (key weight @ channels + key bias) / sqrt(d): one vector over the channels per head
    query = model.query.double() / model.query.shape[-1] ** 0.5
    by_head = model.key.weight.double().unflatten(0, query.shape)
    day_weight = torch.einsum("hk,hkd->hd", query, by_head)
    constant = (query * model.key.bias.double().unflatten(0, query.shape)).sum(-1)
    return FoldedAttention(
        bands=model.config.bands,
        weight=day_weight @ to_channels,
        bias=day_weight @ shift + constant,
        day_weight=day_weight,
        mean=model.mean.double(),
    )


def _embedding(model: LTAE) -> tuple[Tensor, Tensor]:
    """The (D, B) and (D,) of the affine map from reflectance to embedded dates, but for days."""
    norm, embedding = model.norm, model.embedding
    assert isinstance(embedding, nn.Linear)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    gain = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
    to_channels = gain[:, None] * embedding.weight.double() / model.std.double()
    shift = gain * (embedding.bias.double() - norm.running_mean.double()) + norm.bias.double()
    return to_channels, shift - to_channels @ model.mean.double()


def spectral_index(attention: FoldedAttention, logit_sd: Tensor) -> Tensor:
    """The one number per band that all heads together respond to.

    In the counterfactual the date's own term cancels, so only v = mean_h weight[h] / sd[h] counts.

    Args:
        attention: folded heads.
        logit_sd: (H,) standard deviation of each head's logit over the training series.

    Returns:
        (B,) index per unit of reflectance; a clear sky has more of it than a cloudy one.
    """
    return (attention.weight / logit_sd[:, None]).mean(0)
