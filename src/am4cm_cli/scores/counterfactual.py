"""How much less attention a date got than under a clear sky."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

REACH = 3.0
"""The kernel ends at this many widths."""


LEAST_TRUST = 75.0
"""exp(-75) times the kernel is still a normal float32: overcast weeks keep a ranking."""


@dataclass(frozen=True, kw_only=True)
class CounterfactualConfig:
    """How the clear sky of a date is estimated from the other dates."""

    width: float = 25.0
    """Standard deviation of the Gaussian kernel in days."""
    sharpness: float = 5.0
    """A date whose index dropped by d is trusted by exp(-sharpness * d)."""
    rounds: int = 3
    """Each round trusts dates by the drops of the round before."""


def day_kernel(days: NDArray[np.integer], *, width: float) -> NDArray[np.float64]:
    """How much one date says about another, by the days between them.

    Args:
        days: (T,) days since 1970-01-01.
        width: standard deviation of the Gaussian in days.

    Returns:
        (T, T), 0 to 1; 0 for two scenes of one day, which may be one image twice, and beyond
        REACH widths.
    """
    apart = np.abs(days[:, None] - days[None, :]) / width
    return np.exp(-0.5 * apart**2) * (apart > 0) * (apart <= REACH)


def clear_sky(series: Tensor, trust: Tensor, kernel: Tensor) -> Tensor:
    """Estimate what each date would have shown under a clear sky, from the other dates.

    Args:
        series: (..., T, P) an index or reflectances, finite everywhere.
        trust: (T, P), 0 where not valid.
        kernel: (T, T) from `day_kernel`.

    Returns:
        (..., T, P); NaN where no trusted date lies within the kernel's reach.
    """
    return (kernel @ (trust * series)) / (kernel @ trust)


def settle_trust(
    index: Tensor, valid: Tensor, kernel: Tensor, config: CounterfactualConfig
) -> Tensor:
    """Trust the dates of each pixel by what their index lost, round by round.

    The first round goes by the index alone.

    Args:
        index: (T, P), 0 where not valid.
        valid: (T, P) bool.
        kernel: (T, T) from `day_kernel`.
        config: sharpness and rounds.

    Returns:
        (T, P), see `trust_dates`.
    """
    mean = index.sum(0) / valid.sum(0).clamp(min=1)
    trust = trust_dates(mean - index, valid, config.sharpness)
    for _ in range(config.rounds - 1):
        drop = clear_sky(index, trust, kernel) - index
        trust = trust_dates(drop, valid, config.sharpness)
    return trust


def index_drop(
    index: Tensor, valid: Tensor, kernel: Tensor, config: CounterfactualConfig
) -> Tensor:
    """Drop of a spectral index below its own clear-sky estimate.

    Args:
        index: (T, P), 0 where not valid.
        valid: (T, P) bool.
        kernel: (T, T) from `day_kernel`.
        config: sharpness and rounds.

    Returns:
        (T, P), about 0 for a clear date, above for clouds; NaN where not valid or without a
        valid neighbour.
    """
    trust = settle_trust(index, valid, kernel, config)
    return (clear_sky(index, trust, kernel) - index).masked_fill(~valid, torch.nan)


def trust_dates(drop: Tensor, valid: Tensor, sharpness: float) -> Tensor:
    """How far to believe each date, by what it lost.

    Args:
        drop: (T, P), NaN where unknown.
        valid: (T, P) bool.
        sharpness: see `CounterfactualConfig`.

    Returns:
        (T, P), 1 for the pixel's best date, 0 where not valid or unknown.
    """
    # Relative to the pixel's best date, so that the exponential neither overflows nor lets the
    # whole series vanish; a date without neighbours yet has no drop and no say.
    known = valid & ~drop.isnan()
    lowest = drop.masked_fill(~known, torch.inf).amin(0)
    excess = (sharpness * (drop - lowest)).clamp(max=LEAST_TRUST)
    return torch.exp(-excess).masked_fill(~known, 0.0)
