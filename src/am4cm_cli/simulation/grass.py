"""Grass: meadows, verges, gardens, the floor of orchards and forests."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from am4cm_cli.simulation import spectra
from am4cm_cli.simulation.crops import Cover
from am4cm_cli.simulation.growth import PerField
from am4cm_cli.simulation.spectra import Spectrum

SEASON_DAYS = (-20.0, 15.0, 75.0, 130.0, 200.0, 235.0, 280.0, 345.0, 380.0)
SEASON_SHARE = (0.42, 0.38, 0.55, 1.0, 0.85, 0.72, 0.85, 0.42, 0.38)
"""Leaf area through the year, relative to May."""

CUT_DAYS = (138.0, 182.0, 228.0, 275.0)
"""Typical days of the cuts of a meadow."""

CUT_OFF, REGROWTH = 0.75, 22.0
"""Share of the leaf area that a cut takes, and the days in which two thirds of it regrow."""

DROUGHT_DAY, DROUGHT_WIDTH = 215.0, 35.0
"""Middle and half length in days of the dry season."""


@dataclass(frozen=True, kw_only=True)
class Grassland:
    """The grass of F fields."""

    may_area: PerField
    """Leaf area in May, 0 where there is no grass."""
    cuts: NDArray[np.float32]
    """(F, 4) days of the year; infinite where there is no cut."""
    thirst: PerField
    """How much of it dries in summer, 0 to 1."""
    green: Spectrum
    """(F, B)"""

    def area(self, season: float) -> PerField:
        """Leaf area on a day of the year."""
        since = season - self.cuts
        taken = np.where(since >= 0, CUT_OFF * np.exp(-np.maximum(since, 0) / REGROWTH), 0)
        share = np.interp(season, SEASON_DAYS, SEASON_SHARE) * (1 - taken.max(axis=1))
        area: PerField = self.may_area * share.astype(np.float32)
        return area

    def colour(self, season: float) -> Spectrum:
        """(F, B) reflectance of a dense stand: a little of it is always dry, in summer more."""
        drought = np.exp(-(((season - DROUGHT_DAY) / DROUGHT_WIDTH) ** 2))
        dry = (0.08 + 0.7 * drought * self.thirst)[:, None]
        colour: Spectrum = self.green + dry * (spectra.RIPE - self.green)
        return colour.astype(np.float32)


def sow_grass(rng: np.random.Generator, covers: Sequence[Cover]) -> Grassland:
    """Draw the grass of F fields."""
    count = len(covers)
    days = np.array(CUT_DAYS) + 10 * rng.standard_normal((count, 1))
    days += 6 * rng.standard_normal(days.shape)
    number = np.array([rng.integers(*cover.cuts, endpoint=True) for cover in covers])
    cut = np.arange(len(CUT_DAYS)) < number[:, None]
    low, high = np.array([cover.grass for cover in covers]).T
    return Grassland(
        may_area=rng.uniform(low, high).astype(np.float32),
        cuts=np.where(cut, days, np.inf).astype(np.float32),
        thirst=rng.beta(1.5, 3, count).astype(np.float32),
        green=spectra.tinted(rng, np.stack([cover.sward for cover in covers])),
    )
