"""Ways to tell how far a stack's observations depart from a clear sky, by name."""

from collections.abc import Callable, Iterator
from typing import TypedDict

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from am4cm_cli.attention import Attention, spectral_index
from am4cm_cli.days import day_of_year
from am4cm_cli.nonlinear import NonlinearAttention
from am4cm_cli.scores.counterfactual import CounterfactualConfig
from am4cm_cli.scores.kernels import DayKernel
from am4cm_cli.scores.network import NetworkDrop, NetworkScore
from am4cm_cli.scores.observations import Observations
from am4cm_cli.scores.raw import AttentionScore, LogitScore
from am4cm_cli.scores.residuals import DropScore, ResidualScore, parts_of
from am4cm_cli.scores.snow import SnowFinder, snow_bands

ClearSkyScore = ResidualScore | NetworkScore
"""What scores by the counterfactual, and tells its clear sky."""

Score = Callable[[Observations], Tensor]
"""P pixels to (F, T, P) evidence: higher is less clear, NaN is no answer. F is 4 for the
counterfactual, 1 for the others."""

METHODS = ("counterfactual", "drop", "blue", "logit", "attention")
"""The mask; the attention drop alone; the control without a network; attention itself."""


def make_score(
    method: str,
    attention: Attention,
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
    if method == "blue":
        return _drop_score(_minus_blue(attention), attention, days, config)
    index = spectral_index(attention, logit_sd.to(like))
    if method == "drop":
        return _attention_drop(index, attention, days, config)
    assert method == "counterfactual"
    if isinstance(attention, NonlinearAttention):
        snow = _snow_finder(attention, days)
        return _network_score(index, attention, days, config, snow=snow)
    return ResidualScore(
        index=index,
        mean=attention.mean,
        parts=parts_of(attention.bands),
        snow=_snow_finder(attention, days),
        **_clear_sky(attention, days, config),
    )


def head_scores(attention: Attention, logit_sd: Tensor, days: NDArray[np.int64]) -> Iterator[Score]:
    """Prepare the method "drop" for each head by itself; arguments as for `make_score`."""
    for index in attention.weight / logit_sd.to(attention.weight)[:, None]:
        yield _attention_drop(index, attention, days, None)


class _ClearSky(TypedDict):
    """What decides the clear sky."""

    kernel: DayKernel
    config: CounterfactualConfig


def _clear_sky(
    attention: Attention, days: NDArray[np.int64], config: CounterfactualConfig | None
) -> _ClearSky:
    config = config or CounterfactualConfig()
    kernel = DayKernel.of(days, width=config.width).to(attention.weight)
    return {"kernel": kernel, "config": config}


def _attention_drop(
    index: Tensor,
    attention: Attention,
    days: NDArray[np.int64],
    config: CounterfactualConfig | None,
) -> Score:
    """Of one number per band, or per unit of the network."""
    if isinstance(attention, NonlinearAttention):
        return NetworkDrop(score=_network_score(index, attention, days, config, snow=None))
    return _drop_score(index, attention, days, config)


def _drop_score(
    index: Tensor,
    attention: Attention,
    days: NDArray[np.int64],
    config: CounterfactualConfig | None,
) -> DropScore:
    return DropScore(index=index, mean=attention.mean, **_clear_sky(attention, days, config))


def _network_score(
    index: Tensor,
    attention: NonlinearAttention,
    days: NDArray[np.int64],
    config: CounterfactualConfig | None,
    *,
    snow: SnowFinder | None,
) -> NetworkScore:
    return NetworkScore(
        units=attention.units,
        index=index,
        mean=attention.mean,
        parts=parts_of(attention.bands),
        snow=snow,
        **_clear_sky(attention, days, config),
    )


def _snow_finder(attention: Attention, days: NDArray[np.int64]) -> SnowFinder | None:
    bands = snow_bands(attention.bands)
    if bands is None:
        return None
    return SnowFinder.of(bands, days, len(attention.bands)).to(attention.weight)


def _minus_blue(attention: Attention) -> Tensor:
    """The control: the blue alone, in units that give it drops of the attention's size."""
    blue, _, _ = parts_of(attention.bands)
    index = torch.zeros_like(attention.mean)
    index[blue] = -1 / BLUE_UNIT
    return index


BLUE_UNIT = 0.29
"""Standard deviation of the blue over the default weights' training series, in reflectance."""

__all__ = [
    "METHODS",
    "ClearSkyScore",
    "CounterfactualConfig",
    "Observations",
    "Score",
    "head_scores",
    "make_score",
]
