"""Ways to tell how far a stack's observations depart from a clear sky, by name."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from am4cm_cli.attention import FoldedAttention, spectral_index
from am4cm_cli.days import day_of_year
from am4cm_cli.scores.counterfactual import CounterfactualConfig
from am4cm_cli.scores.kernels import DayKernel
from am4cm_cli.scores.observations import Observations
from am4cm_cli.scores.raw import AttentionScore, LogitScore
from am4cm_cli.scores.residuals import DropScore, ResidualScore, parts_of
from am4cm_cli.scores.snow import SnowFinder, snow_bands

Score = Callable[[Observations], Tensor]
"""P pixels to (F, T, P) evidence: higher is less clear, NaN is no answer. F is 4 for the
counterfactual, 1 for the others."""

METHODS = ("counterfactual", "drop", "blue", "logit", "attention")
"""The mask; the attention drop alone; the control without a network; attention itself."""


def make_score(
    method: str,
    attention: FoldedAttention,
    logit_sd: Tensor,
    days: NDArray[np.int64],
    config: CounterfactualConfig | None = None,
) -> Score:
    """Prepare a score for a stack.

    Args:
        method: one of METHODS.
        attention: on the stack's bands, on the device and in the precision to compute with.
        logit_sd: (H,) see `spectral_index`.
        days: (T,) days since 1970-01-01.
        config: of those that compare with a clear sky.
    """
    like = attention.weight
    day = torch.from_numpy(day_of_year(days)).to(like)
    if method == "logit":
        return LogitScore(attention=attention, day_of_year=day)
    if method == "attention":
        return AttentionScore(attention=attention, day_of_year=day)
    config = config or CounterfactualConfig()
    kernel, mean = DayKernel.of(days, width=config.width).to(like), attention.mean
    if method == "blue":
        return DropScore(index=_minus_blue(attention), mean=mean, kernel=kernel, config=config)
    index = spectral_index(attention, logit_sd.to(like))
    if method == "drop":
        return DropScore(index=index, mean=mean, kernel=kernel, config=config)
    assert method == "counterfactual"
    return ResidualScore(
        index=index,
        mean=mean,
        parts=parts_of(attention.bands),
        snow=_snow_finder(attention, days),
        kernel=kernel,
        config=config,
    )


def _snow_finder(attention: FoldedAttention, days: NDArray[np.int64]) -> SnowFinder | None:
    bands = snow_bands(attention.bands)
    if bands is None:
        return None
    return SnowFinder.of(bands, days, len(attention.bands)).to(attention.weight)


def _minus_blue(attention: FoldedAttention) -> Tensor:
    """The control: the blue alone, in units that give it drops of the attention's size."""
    blue, _, _ = parts_of(attention.bands)
    index = torch.zeros_like(attention.mean)
    index[blue] = -1 / BLUE_UNIT
    return index


BLUE_UNIT = 0.29
"""Standard deviation of the blue over the default weights' training series, in reflectance."""

__all__ = ["METHODS", "CounterfactualConfig", "Observations", "Score", "make_score"]
