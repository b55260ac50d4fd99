"""Probabilities looked up in a table, since computing each takes fifty times as long."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import torch
from torch import Tensor

from am4cm_cli.calibration import LEAST_Z, Mixture, Recalibration, cloud_probability

STEPS = 2048
"""Of the table per spread of the clear scores."""
MOST_Z = 60.0
"""The table's last score in such spreads, above their mean; beyond, everything is cloud."""
NO_PERCENT = 255


@dataclass(frozen=True, kw_only=True, eq=False)
class ProbabilityTable:
    """The probability of every score, in even steps; the first entry is that of no score."""

    gain: float
    """Steps per unit of the score."""
    shift: float
    values: Tensor
    """(N,) probability in float32, or percent in uint8; a score s is at gain * s + shift."""

    def look_up(self, scores: Tensor) -> Tensor:
        """Look up (...) scores, NaN for none."""
        places = (scores * self.gain).add_(self.shift).clamp_(1, len(self.values) - 1)
        places = places.nan_to_num_(nan=0.0).to(torch.int32)
        return self.values.index_select(0, places.view(-1)).view(scores.shape)


@lru_cache(maxsize=16)
def tabulate(
    mixture: Mixture, recalibration: Recalibration, device: torch.device
) -> ProbabilityTable:
    """Tabulate the recalibrated probability, in float64, at the middle of each step.

    Nearest entries differ from the exact probability by at most half a step of its steepest rise.
    """
    scores = _scores(mixture)
    return _table(mixture, recalibration(cloud_probability(scores, mixture)), device)


@lru_cache(maxsize=16)
def tabulate_least(
    first: tuple[Mixture, Recalibration],
    second: tuple[Mixture, Recalibration],
    device: torch.device,
) -> ProbabilityTable:
    """Tabulate the smaller of two probabilities of the same score."""
    scores = _scores(first[0])
    known = [line(cloud_probability(scores, mixture)) for mixture, line in (first, second)]
    return _table(first[0], torch.minimum(*known), device)


@lru_cache(maxsize=16)
def in_percent(table: ProbabilityTable) -> ProbabilityTable:
    """The same in percent, rounded to uint8, 255 for no score."""
    rounded = (table.values * 100).round().nan_to_num(nan=NO_PERCENT)
    return replace(table, values=rounded.to(torch.uint8))


def _scores(mixture: Mixture) -> Tensor:
    """Those that are tabulated, in float64."""
    z = torch.arange(LEAST_Z * STEPS, MOST_Z * STEPS + 1, dtype=torch.float64) / STEPS
    return mixture.clear_mean + mixture.clear_sd * z


def _table(mixture: Mixture, known: Tensor, device: torch.device) -> ProbabilityTable:
    values = torch.cat([known.new_full((1,), torch.nan), known]).float()
    gain = STEPS / mixture.clear_sd
    # The first score stands at place 1, and half a step more makes cutting off a rounding.
    shift = 1.5 - LEAST_Z * STEPS - gain * mixture.clear_mean
    return ProbabilityTable(gain=gain, shift=shift, values=values.to(device))
