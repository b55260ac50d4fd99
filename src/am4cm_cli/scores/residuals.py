"""How each date departs from its own clear sky: in attention, and in the bands that tell why."""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from am4cm_cli.scores.counterfactual import CounterfactualConfig, TrustedDates, hide
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
        sums, seen = block.project(self._weight, self._constant), block.seen()
        dates = TrustedDates.settle(sums[:, 0], seen, self.kernel, rounds=self.config.rounds)
        return hide(dates.departures(sums[:, 1:]), seen).transpose(0, 1)

    @cached_property
    def _weight(self) -> Tensor:
        """(2, B) of the fit, and of what rises where the index drops."""
        return torch.stack([self.config.sharpness * self.index, -self.index])

    @cached_property
    def _constant(self) -> Tensor:
        """(2,) to add to them: both are counted from the mean spectrum."""
        return -self._weight @ self.mean


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

    def clear_sky(self, observations: Observations) -> Tensor:
        """Estimate what P pixels would show under a clear sky, by what their other dates show.

        Returns:
            (T, B, P) reflectance in all bands, also of dates that are not valid. What departs from
            it is the evidence, so lasting snow is its own clear sky. NaN without a trusted date
            within the kernel's reach.
        """
        return in_blocks(self._clear_sky, observations)

    def _clear_sky(self, block: Observations) -> Tensor:
        none = self.index.new_zeros(0, len(self.index))
        sums = block.project(*self.sums_of(none))
        dates = TrustedDates.settle(
            sums[:, 0], block.seen(), self.kernel, rounds=self.config.rounds
        )
        shown = block.reflectance()
        # Band by band, as all at once would take as much memory again.
        above = torch.cat([dates.departures(band) for band in shown.split(1, dim=1)], dim=1)
        if self.snow is not None:
            self.snow.clear(above, block, sums[:, 1:])
        return shown - above

    def _score(self, block: Observations) -> Tensor:
        sums, seen = block.project(*self._sums), block.seen()
        dates = TrustedDates.settle(
            sums[:, 0], seen, self.kernel, rounds=self.config.rounds, series=EVIDENCE
        )
        evidence = dates.departures(sums[:, 1 : 1 + EVIDENCE])
        if self.snow is not None:
            self.snow.clear(evidence, block, sums[:, 1 + EVIDENCE :])
        return hide(evidence, seen).transpose(0, 1)

    @cached_property
    def fit_weight(self) -> Tensor:
        """(1, B) of what dates are trusted by, see `TrustedDates.settle`."""
        return self.config.sharpness * self.index[None]

    @cached_property
    def evidence_weight(self) -> Tensor:
        """(4, B) of what departs upwards where there is evidence."""
        # The blue rises under a cloud, the others fall.
        signs = self.index.new_tensor([1.0, -1.0, -1.0])
        parts = torch.diag(signs) @ torch.eye(len(self.index)).to(self.index)[list(self.parts)]
        return torch.cat([-self.index[None], parts])

    @cached_property
    def snow_weight(self) -> Tensor:
        """(3, B) of the tests for snow; (0, B) where it cannot be told."""
        none = self.index.new_zeros(0, len(self.index))
        return none if self.snow is None else self.snow.weight.to(self.index)

    @cached_property
    def snow_constant(self) -> Tensor:
        """(3,) to add to these."""
        return self.index.new_zeros(0) if self.snow is None else self.snow.constant.to(self.index)

    def sums_of(self, series: Tensor) -> tuple[Tensor, Tensor]:
        """Weights and constants of the fit, of some series, and of the tests for snow: one product.

        Args:
            series: (S, B) weights.

        Returns:
            (1 + S + 3, B) and (1 + S + 3,). Fit and series are counted from the mean spectrum.
        """
        measured = torch.cat([self.fit_weight, series])
        constant = torch.cat([-measured @ self.mean, self.snow_constant])
        return torch.cat([measured, self.snow_weight]), constant

    @cached_property
    def _sums(self) -> tuple[Tensor, Tensor]:
        return self.sums_of(self.evidence_weight)


def parts_of(bands: tuple[str, ...]) -> tuple[int, int, int]:
    """Places in `bands` of those to take for blue, NIR and SWIR; the first if none is fit."""
    chosen = []
    for wanted in (BLUE, NIR, SWIR):
        band = next(band for band in (*wanted, *bands) if band in bands)
        chosen.append(bands.index(band))
    blue, nir, swir = chosen
    return blue, nir, swir
