"""How each date departs from its own clear sky: in attention, and in the bands that tell why."""

from dataclasses import dataclass

import torch
from torch import Tensor

from am4cm_cli.scores.counterfactual import (
    CounterfactualConfig,
    clear_sky,
    index_drop,
    settle_trust,
)
from am4cm_cli.scores.snow import SnowBands, lasting_snow

BLUE = ("B02", "B03", "B04")
NIR = ("B8A", "B08", "B07", "B06")
SWIR = ("B11", "B12", "B03", "B04")
"""Bands to take for each part, the best first; without any SWIR, the green has to do: a field cut
loses NIR alone, under a shadow everything gets darker."""


@dataclass(frozen=True, kw_only=True)
class DropScore:
    """The drop of one spectral index below its clear sky."""

    index: Tensor
    """(B,) from `attention.spectral_index`, or minus one band for a control."""
    kernel: Tensor
    """(T, T) from `day_kernel`."""
    config: CounterfactualConfig

    def __call__(self, reflectance: Tensor, valid: Tensor) -> Tensor:
        """Score (T, B, P) reflectance, 0 where not (T, P) valid.

        Returns:
            (1, T, P), about 0 for a clear date, above for clouds; NaN where not valid or without
            a trusted date within the kernel's reach.
        """
        index = torch.einsum("b,tbp->tp", self.index, reflectance)
        return index_drop(index, valid, self.kernel, self.config)[None]


@dataclass(frozen=True, kw_only=True)
class ResidualScore:
    """The attention drop, and what it came with in the blue, the NIR and the SWIR.

    Dates are trusted by attention; all four parts are measured against the same clear sky. Snow
    that lasts is ground: there, nothing departs.
    """

    index: Tensor
    """(B,) from `attention.spectral_index`."""
    parts: tuple[int, int, int]
    """Places of the bands taken for blue, NIR and SWIR."""
    snow: SnowBands | None
    """None where the stack lacks a band to tell snow by."""
    near: Tensor
    """(T, T) bool, dates near enough for snow to have lasted between them."""
    kernel: Tensor
    """(T, T) from `day_kernel`."""
    config: CounterfactualConfig

    def __call__(self, reflectance: Tensor, valid: Tensor) -> Tensor:
        """Measure (T, B, P) reflectance, 0 where not (T, P) valid.

        Returns:
            (4, T, P) attention drop, blue above, NIR below and SWIR below the clear sky: all
            about 0 for a clear date, the first two above for clouds, the last two for shadows.
            NaN where not valid or without a trusted date within the kernel's reach.
        """
        index = torch.einsum("b,tbp->tp", self.index, reflectance)
        trust = settle_trust(index, valid, self.kernel, self.config)
        blue, nir, swir = (reflectance[:, place] for place in self.parts)
        # The blue rises under a cloud, the others fall: with its sign turned, all parts drop.
        series = torch.stack([index, -blue, nir, swir])
        drops = clear_sky(series, trust, self.kernel) - series
        if self.snow is not None:
            snowy = lasting_snow(reflectance, valid, self.snow, self.near)
            drops = drops.masked_fill(snowy, 0.0)
        return drops.masked_fill(~valid, torch.nan)


def parts_of(bands: tuple[str, ...]) -> tuple[int, int, int]:
    """Places in `bands` of those to take for blue, NIR and SWIR; the first if none is fit."""
    chosen = []
    for wanted in (BLUE, NIR, SWIR):
        band = next(band for band in (*wanted, *bands) if band in bands)
        chosen.append(bands.index(band))
    blue, nir, swir = chosen
    return blue, nir, swir
