"""Evidence joined before it is measured: fewer series to smooth where a judge is at hand."""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from am4cm_cli.scores.counterfactual import TrustedDates, hide
from am4cm_cli.scores.joint import ClearMode
from am4cm_cli.scores.observations import Observations, in_blocks
from am4cm_cli.scores.residuals import ResidualScore

SERIES = (1, 3, 4)
"""To be smoothed for so many planes: cloud; with NIR and SWIR; with the blue."""


@dataclass(frozen=True, kw_only=True)
class JoinedScore:
    """What `scores.joint` makes of the evidence of a `ResidualScore`.

    A drop of a weighted sum is the weighted sum of drops, so the parts are added up first.
    """

    score: ResidualScore
    mode: ClearMode
    count: int
    """Planes wanted, 1 to 3: cloud, shadow, blue above the clear sky."""

    def __call__(self, observations: Observations) -> Tensor:
        """Measure P pixels: (count, T, P), NaN for no answer."""
        return in_blocks(self._score, observations)

    def _score(self, block: Observations) -> Tensor:
        sums, seen, score = block.project(*self._sums), block.seen(), self.score
        last = 1 + SERIES[self.count - 1]
        dates = TrustedDates.settle(
            sums[:, 0], seen, score.kernel, rounds=score.config.rounds, series=last - 1
        )
        drops = dates.departures(sums[:, 1:last])
        if score.snow is not None:
            score.snow.clear(drops, block, sums[:, last:])
        return self._planes(hide(drops, seen))

    def _planes(self, drops: Tensor) -> Tensor:
        """(count, T, P) of (T, S, P) joined drops."""
        means = drops.new_tensor([*self._means, 0.0])[: drops.shape[1], None]
        drops = drops.sub_(means)
        if self.count > 1:
            torch.minimum(drops[:, 1], drops[:, 2], out=drops[:, 1])
        places = [0, 1, 3][: self.count]
        return drops.transpose(0, 1)[places] if self.count > 1 else drops.transpose(0, 1)

    @cached_property
    def _means(self) -> tuple[float, float, float]:
        """Of the joined parts where clear."""
        drop, blue, nir, swir = (m / s for m, s in zip(self.mode.mean, self.mode.sd, strict=True))
        return (drop + blue) * 2**-0.5, nir, swir

    @cached_property
    def _sums(self) -> tuple[Tensor, Tensor]:
        """Of the joined series; see `ResidualScore.sums_of`."""
        parts = self.score.evidence_weight
        drop, blue, nir, swir = (part / sd for part, sd in zip(parts, self.mode.sd, strict=True))
        joined = torch.stack([(drop + blue) * 2**-0.5, nir, swir, parts[1]])
        return self.score.sums_of(joined[: SERIES[self.count - 1]])
