"""How much less attention a date got than under a clear sky."""

from __future__ import annotations

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


@dataclass(frozen=True, kw_only=True)
class TrustedDates:
    """The dates of some pixels, each believed as far as it fits the others."""

    kernel: DayKernel
    seen: Tensor | None
    """(T, P) 1 where valid, else 0; None where everything is."""
    room: Tensor
    """(T, S + 1, P) for up to S series weighted by trust, and the trust behind them: so one product
    gives their sums and what to divide these by."""

    @classmethod
    def settle(
        cls, fit: Tensor, seen: Tensor | None, kernel: DayKernel, *, rounds: int, series: int = 1
    ) -> TrustedDates:
        """Trust the dates of each pixel by what their index lost, round by round.

        The first round goes by the index alone.

        Args:
            fit: (T, P) `sharpness` times the index, counted from a typical one; finite. Where it
                is counted from cancels but where trust would leave its bounds, so any typical
                index of the right order will do; one for all pixels and dates keeps answers free
                of what lies far away in time.
            seen: (T, P) 1 where valid, else 0; None where everything is.
            kernel: of the dates.
            rounds: see `CounterfactualConfig`.
            series: most that `departures` will be asked for at once.
        """
        room = fit.new_empty(len(fit), series + 1, fit.shape[-1])
        dates = cls(kernel=kernel, seen=seen, room=room)
        dates._trust_by(fit)
        for _ in range(rounds - 1):
            dates._trust_by(dates.departures(fit[:, None])[:, 0])
        return dates

    @property
    def trust(self) -> Tensor:
        """(T, P), see `trust_dates`."""
        return self.room[:, -1]

    def departures(self, series: Tensor) -> Tensor:
        """Tell how far each date lies above its clear sky, which the other dates are asked for.

        Args:
            series: (T, S, P) indices or reflectances, finite everywhere.

        Returns:
            (T, S, P); NaN where no trusted date lies within the kernel's reach. Where not valid
            it means nothing; see `hide`.
        """
        room = self.room[:, -1 - series.shape[1] :]
        torch.mul(series, self.trust[:, None], out=room[:, :-1])
        sums = self.kernel.sum(room)
        return torch.addcdiv(series, sums[:, :-1], sums[:, -1:], value=-1)

    def _trust_by(self, fit: Tensor) -> None:
        trust_dates(fit, self.seen, self.kernel, out=self.trust)


def trust_dates(fit: Tensor, seen: Tensor | None, kernel: DayKernel, *, out: Tensor) -> Tensor:
    """How far to believe each date, by what it lost.

    Args:
        fit: (T, P) minus `sharpness` times the drop, NaN where unknown.
        seen: (T, P) 1 where valid, else 0; None where everything is.
        kernel: of the dates.
        out: (T, P) to write to.

    Returns:
        (T, P), 1 for no drop, less for a deep one, 0 where not valid or unknown: a date without
        neighbours has no drop and no say.
    """
    trust = torch.clamp(fit, -MOST_TRUST, MOST_TRUST, out=out).exp_()
    if seen is not None:
        trust *= seen
    # Trust is never 0 where all is valid, so only dates that stand alone are unknown there.
    return trust.nan_to_num_(nan=0.0) if seen is not None or kernel.lonely else trust


def hide(drops: Tensor, seen: Tensor | None) -> Tensor:
    """Put NaN where (T, P) is 0 into (T, ..., P) drops, in place."""
    if seen is None:
        return drops
    # 1 / 1 keeps every bit and 0 / 0 is NaN: several times faster than a mask.
    kept = seen / seen
    return drops.mul_(kept.view(len(kept), *[1] * (drops.dim() - 2), -1))
