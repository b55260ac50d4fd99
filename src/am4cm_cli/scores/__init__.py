"""Ways to score the cloudiness of a stack's observations, by name."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from am4cm_cli.attention import FoldedAttention, spectral_index
from am4cm_cli.days import day_of_year
from am4cm_cli.scores.counterfactual import (
    CounterfactualConfig,
    CounterfactualScore,
    day_kernel,
)
from am4cm_cli.scores.raw import AttentionScore, LogitScore

Score = Callable[[Tensor, Tensor], Tensor]
"""(T, B, P) reflectance and (T, P) valid to (T, P): higher is cloudier, NaN is no answer."""

METHODS = ("counterfactual", "logit", "attention")


def make_score(
    method: str, attention: FoldedAttention, logit_sd: Tensor, days: NDArray[np.int64]
) -> Score:
    """Prepare a score for a stack.

    Args:
        method: one of METHODS.
        attention: on the stack's bands, on the device and in the precision to compute with.
        logit_sd: (H,) see `spectral_index`.
        days: (T,) days since 1970-01-01.
    """
    like = attention.weight
    if method == "counterfactual":
        config = CounterfactualConfig()
        kernel = torch.from_numpy(day_kernel(days, width=config.width))
        index = spectral_index(attention, logit_sd.to(like))
        return CounterfactualScore(index=index, kernel=kernel.to(like), config=config)
    day = torch.from_numpy(day_of_year(days)).to(like)
    if method == "logit":
        return LogitScore(attention=attention, day_of_year=day)
    assert method == "attention"
    return AttentionScore(attention=attention, day_of_year=day)


__all__ = ["METHODS", "CounterfactualConfig", "Score", "make_score"]
