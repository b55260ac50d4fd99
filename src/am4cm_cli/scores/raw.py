"""The attention itself as a score, before and after the softmax: for comparison."""

from dataclasses import dataclass

import torch
from torch import Tensor

from am4cm_cli.attention import Attention, FoldedAttention
from am4cm_cli.models.ltae import attend
from am4cm_cli.scores.observations import Observations


@dataclass(frozen=True, kw_only=True)
class LogitScore:
    """How far a date's attention logit lies below those of the pixel's other dates."""

    attention: Attention
    day_of_year: Tensor
    """(T,)"""

    def __call__(self, observations: Observations) -> Tensor:
        """Score P pixels.

        Returns:
            (1, T, P) minus the mean over heads of the logit, standardised over the pixel's valid
            dates; NaN where not valid or where all of a pixel's dates are alike.
        """
        valid = observations.valid
        logits = _logits(self.attention, observations, self.day_of_year).masked_fill(~valid, 0.0)
        count = valid.sum(0)
        centred = (logits - (logits.sum(1) / count)[:, None]).masked_fill(~valid, 0.0)
        sd = (centred.square().sum(1) / count).sqrt()
        score = -(centred / sd[:, None]).mean(0)
        return score.masked_fill(~valid, torch.nan)[None]


@dataclass(frozen=True, kw_only=True)
class AttentionScore:
    """How far a date's attention lies below an even share of the pixel's attention."""

    attention: Attention
    day_of_year: Tensor
    """(T,)"""

    def __call__(self, observations: Observations) -> Tensor:
        """Score P pixels.

        Returns:
            (1, T, P) minus the logarithm of the mean over heads of the attention, in multiples of
            an even share: 0 is an even share, log 2 half of one; NaN where not valid.
        """
        valid = observations.valid
        logits = _logits(self.attention, observations, self.day_of_year)
        attention = attend(logits.transpose(1, 2), valid.T).mean(0).T
        share = attention * valid.sum(0)
        score = -share.clamp(min=torch.finfo(share.dtype).tiny).log()
        return score.masked_fill(~valid, torch.nan)[None]


def _logits(attention: Attention, observations: Observations, day: Tensor) -> Tensor:
    """(H, T, P) before the softmax."""
    if not isinstance(attention, FoldedAttention):
        return attention.logits(observations.reflectance(), day)
    spectral = observations.project(attention.weight).transpose(0, 1)
    return spectral + attention.day_term(day)[..., None]
