"""How each date departs from its own clear sky, where no spectral index tells."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from am4cm_cli.nonlinear import Units
from am4cm_cli.scores.counterfactual import CounterfactualConfig, hide, trust_dates
from am4cm_cli.scores.kernels import DayKernel
from am4cm_cli.scores.observations import Observations
from am4cm_cli.scores.snow import SnowFinder

WIDTH = 1024
"""Pixels that a CPU computes at once, always, as in `observations.in_blocks`: 128 units of so many
are 512 kB, which stay in a core's own cache, and all bands of all dates take no more memory than
the few sums of a wider block do."""


@dataclass(frozen=True, kw_only=True)
class NetworkScore:
    """What `ResidualScore` measures, by a network that must see the clear sky itself.

    The clear sky is estimated in every band, and its logits are asked for. The day's own part of
    a logit is the same under both skies, so it cancels.
    """

    units: Units
    """Of the attention."""
    index: Tensor
    """(U,) the mean over heads of the weight of a unit, in spreads of the head's logit."""
    mean: Tensor
    """(B,) reflectance over the training series."""
    parts: tuple[int, int, int]
    """Places of the bands taken for blue, NIR and SWIR."""
    snow: SnowFinder | None
    """None where the stack lacks a band to tell snow by."""
    kernel: DayKernel
    config: CounterfactualConfig

    def __call__(self, observations: Observations) -> Tensor:
        """Measure P pixels.

        Returns:
            (4, T, P) as `ResidualScore` does.
        """
        return self._in_blocks(self._score, observations)

    def clear_sky(self, observations: Observations) -> Tensor:
        """(T, B, P) of P pixels, as `ResidualScore` does."""
        return self._in_blocks(self._clear_sky, observations)

    def _in_blocks(
        self, score: Callable[[Observations], Tensor], observations: Observations
    ) -> Tensor:
        # A GPU would starve on narrow blocks; `observations.in_blocks` spares it, too.
        on_cpu = observations.dn.device.type == "cpu"
        blocks = observations.blocks(WIDTH if on_cpu else max(1, observations.pixels))
        found = torch.cat([score(block) for block in blocks], dim=-1)
        return found[..., : observations.pixels]

    def _clear_sky(self, block: Observations) -> Tensor:
        shown = block.reflectance()
        clear, _ = self._settle(shown.transpose(0, 1).contiguous(), block.seen())
        above = shown - clear.transpose(0, 1)
        if self.snow is not None:
            self.snow.clear(above, block, self._tests(block))
        return shown - above

    def _score(self, block: Observations) -> Tensor:
        seen = block.seen()
        # Band by band: the clear sky of one is found at a time.
        shown = block.reflectance().transpose(0, 1).contiguous()
        clear, drop = self._settle(shown, seen)
        blue, nir, swir = self.parts
        # The blue rises under a cloud, the others fall.
        residuals = shown[blue] - clear[blue], clear[nir] - shown[nir], clear[swir] - shown[swir]
        drops = torch.stack([drop, *residuals], dim=1)
        if self.snow is not None:
            self.snow.clear(drops, block, self._tests(block))
        return hide(drops, seen).transpose(0, 1)

    def _tests(self, block: Observations) -> Tensor:
        """(T, 3, P) sums that tell snow."""
        assert self.snow is not None
        return block.project(self.snow.weight.to(self.mean), self.snow.constant.to(self.mean))

    def _settle(self, shown: Tensor, seen: Tensor | None) -> tuple[Tensor, Tensor]:
        """Find the clear sky of (B, T, P) reflectance, (B, T, P), and the drop below it, (T, P).

        In rounds, each of which trusts dates by the drops of the one before, as
        `TrustedDates.settle` does.
        """
        own = self._respond(shown)
        drop = self._respond(self.mean[:, None, None]) - own
        clear = torch.empty_like(shown)
        for _ in range(self.config.rounds):
            fit = drop.mul_(-self.config.sharpness)
            trust = trust_dates(fit, seen, self.kernel, out=fit)
            total = self.kernel.sum(trust)
            for band, to in zip(shown, clear, strict=True):
                torch.div(self.kernel.sum(band * trust), total, out=to)
            drop = self._respond(clear) - own
        return clear, drop

    def _respond(self, shown: Tensor) -> Tensor:
        """Mean standardised logit of (B, T, P) reflectance, (T, P), but for a constant."""
        return self.units.project(shown.transpose(0, 1), self.index[None])[:, 0]


@dataclass(frozen=True, kw_only=True)
class NetworkDrop:
    """The attention drop of a `NetworkScore` alone."""

    score: NetworkScore

    def __call__(self, observations: Observations) -> Tensor:
        """(1, T, P) of P pixels, as `DropScore` does."""
        return self.score(observations)[:1]
