"""How much less attention a date got than under a clear sky."""

from dataclasses import dataclass

import torch
from torch import Tensor

from am4cm_cli.scores.kernels import DayKernel

MOST_TRUST = 60.0
"""Trust lies within exp(-60) and exp(60): its sums over dates are normal float32 then, and overcast
weeks keep a ranking."""


@dataclass(frozen=True, kw_only=True)
class CounterfactualConfig:
    """How the clear sky of a date is estimated from the other dates."""

    width: float = 25.0
    """Standard deviation of the Gaussian kernel in days."""
    sharpness: float = 5.0
    """A date whose index dropped by d is trusted by exp(-sharpness * d)."""
    rounds: int = 3
    """Each round trusts dates by the drops of the round before."""


def clear_sky(series: Tensor, trust: Tensor, kernel: DayKernel) -> Tensor:
    """Estimate what each date would have shown under a clear sky, from the other dates.

    Args:
        series: (T, ..., P) indices or reflectances, finite everywhere.
        trust: (T, P), 0 where not valid.
        kernel: of the dates.

    Returns:
        (T, ..., P); NaN where no trusted date lies within the kernel's reach.
    """
    between = series.view(len(series), -1, series.shape[-1])
    # One product for all: with the trust behind them the sums and their weights come together.
    stacked = between.new_empty(len(between), between.shape[1] + 1, between.shape[2])
    weighted, last = stacked[:, :-1], stacked[:, -1]
    torch.mul(between, trust[:, None], out=weighted)
    last.copy_(trust)
    sums = kernel.sum(stacked)
    return sums[:, :-1].div_(sums[:, -1:]).view(series.shape)


def settle_trust(
    index: Tensor,
    seen: Tensor | None,
    kernel: DayKernel,
    config: CounterfactualConfig,
    *,
    typical: Tensor | float = 0.0,
) -> Tensor:
    """Trust the dates of each pixel by what their index lost, round by round.

    The first round goes by the index alone.

    Args:
        index: (T, P), finite.
        seen: (T, P) 1 where valid, else 0; None where everything is.
        kernel: of the dates.
        config: sharpness and rounds.
        typical: an index that the first drops are counted from. It cancels but where trust would
            leave its bounds, so any of the right order will do; one for all pixels and dates
            keeps answers free of what lies far away in time.

    Returns:
        (T, P), see `trust_dates`.
    """
    trust = trust_dates(typical - index, seen, config.sharpness)
    for _ in range(config.rounds - 1):
        drop = clear_sky(index, trust, kernel).sub_(index)
        trust = trust_dates(drop, seen, config.sharpness)
    return trust


def index_drop(
    index: Tensor,
    seen: Tensor | None,
    kernel: DayKernel,
    config: CounterfactualConfig,
    *,
    typical: Tensor | float = 0.0,
) -> Tensor:
    """Drop of a spectral index below its own clear-sky estimate.

    Args:
        index: (T, P), finite.
        seen: (T, P) 1 where valid, else 0; None where everything is.
        kernel: of the dates.
        config: sharpness and rounds.
        typical: see `settle_trust`.

    Returns:
        (T, P), about 0 for a clear date, above for clouds; NaN where not valid or without a
        valid neighbour.
    """
    trust = settle_trust(index, seen, kernel, config, typical=typical)
    return hide(clear_sky(index, trust, kernel).sub_(index), seen)


def trust_dates(drop: Tensor, seen: Tensor | None, sharpness: float) -> Tensor:
    """How far to believe each date, by what it lost.

    Args:
        drop: (T, P), NaN where unknown; overwritten.
        seen: (T, P) 1 where valid, else 0; None where everything is.
        sharpness: see `CounterfactualConfig`.

    Returns:
        (T, P), 1 for no drop, less for a deep one, 0 where not valid or unknown: a date without
        neighbours has no drop and no say.
    """
    trust = drop.mul_(-sharpness).clamp_(-MOST_TRUST, MOST_TRUST).exp_()
    if seen is not None:
        trust *= seen
    return trust.nan_to_num_(nan=0.0)


def hide(drops: Tensor, seen: Tensor | None) -> Tensor:
    """Put NaN where (T, P) is 0 into (T, ..., P) drops, in place."""
    if seen is None:
        return drops
    # 1 / 1 keeps every bit and 0 / 0 is NaN: several times faster than a mask.
    kept = seen / seen
    return drops.mul_(kept.view(len(kept), *[1] * (drops.dim() - 2), -1))
