"""How each date departs from its own clear sky: in attention, and in the bands that tell why."""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from am4cm_cli.scores.counterfactual import (
    CounterfactualConfig,
    clear_sky,
    hide,
    index_drop,
    settle_trust,
)
from am4cm_cli.scores.kernels import DayKernel
from am4cm_cli.scores.observations import Observations, in_blocks
from am4cm_cli.scores.snow import SnowFinder

BLUE = ("B02", "B03", "B04")
NIR = ("B8A", "B08", "B07", "B06")
SWIR = ("B11", "B12", "B03", "B04")
"""Bands to take for each part, the best first; without any SWIR, the green has to do: a field cut
loses NIR alone, under a shadow everything gets darker."""
EVIDENCE = 4
"""Kinds of it: the attention drop and three bands."""


@dataclass(frozen=True, kw_only=True)
class DropScore:
    """The drop of one spectral index below its clear sky."""

    index: Tensor
    """(B,) from `attention.spectral_index`, or minus one band for a control."""
    mean: Tensor
    """(B,) reflectance over the training series."""
    kernel: DayKernel
    config: CounterfactualConfig

    def __call__(self, observations: Observations) -> Tensor:
        """Score P pixels.

        Returns:
            (1, T, P), about 0 for a clear date, above for clouds; NaN where not valid or without
            a trusted date within the kernel's reach.
        """
        return in_blocks(self._score, observations)

    def _score(self, block: Observations) -> Tensor:
        index = block.project(self.index[None])[:, 0]
        typical = self.index @ self.mean
        return index_drop(index, block.seen(), self.kernel, self.config, typical=typical)[None]


@dataclass(frozen=True, kw_only=True)
class ResidualScore:
    """The attention drop, and what it came with in the blue, the NIR and the SWIR.

    Dates are trusted by attention; all four parts are measured against the same clear sky. Snow
    that lasts is ground: there, nothing departs.
    """

    index: Tensor
    """(B,) from `attention.spectral_index`."""
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
            (4, T, P) attention drop, blue above, NIR below and SWIR below the clear sky: all
            about 0 for a clear date, the first two above for clouds, the last two for shadows.
            NaN where not valid or without a trusted date within the kernel's reach.
        """
        return in_blocks(self._score, observations)

    def _score(self, block: Observations) -> Tensor:
        sums = block.project(self._weight, self._constant)
        series, seen = sums[:, :EVIDENCE], block.seen()
        index, typical = series[:, 0], self.index @ self.mean
        trust = settle_trust(index, seen, self.kernel, self.config, typical=typical)
        drops = clear_sky(series, trust, self.kernel).sub_(series)
        if self.snow is not None:
            self.snow.clear(drops, block, sums[:, EVIDENCE:])
        return hide(drops, seen).transpose(0, 1)

    @cached_property
    def evidence_weight(self) -> Tensor:
        """(4, B) of the series whose drops are the evidence."""
        # The blue rises under a cloud, the others fall: with its sign turned, all parts drop.
        signs = self.index.new_tensor([-1.0, 1.0, 1.0])
        parts = torch.diag(signs) @ torch.eye(len(self.index)).to(self.index)[list(self.parts)]
        return torch.cat([self.index[None], parts])

    @cached_property
    def snow_weight(self) -> Tensor:
        """(3, B) of the tests for snow; (0, B) where it cannot be told."""
        none = self.index.new_zeros(0, len(self.index))
        return none if self.snow is None else self.snow.weight.to(self.index)

    @cached_property
    def snow_constant(self) -> Tensor:
        """(3,) to add to these."""
        return self.index.new_zeros(0) if self.snow is None else self.snow.constant.to(self.index)

    @cached_property
    def _weight(self) -> Tensor:
        """(S, B) of evidence and snow, all in one product."""
        return torch.cat([self.evidence_weight, self.snow_weight])

    @cached_property
    def _constant(self) -> Tensor:
        """(S,) to add to them."""
        return torch.cat([self.index.new_zeros(EVIDENCE), self.snow_constant])


def parts_of(bands: tuple[str, ...]) -> tuple[int, int, int]:
    """Places in `bands` of those to take for blue, NIR and SWIR; the first if none is fit."""
    chosen = []
    for wanted in (BLUE, NIR, SWIR):
        band = next(band for band in (*wanted, *bands) if band in bands)
        chosen.append(bands.index(band))
    blue, nir, swir = chosen
    return blue, nir, swir
