"""The plants of every field through the year."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from am4cm_cli.simulation.crops import Calendar, Stand
from am4cm_cli.simulation.spectra import Spectrum, tinted

PerField = NDArray[np.float32]
"""(F,): one number per field; F is the number of fields and one for the lanes."""

END = Calendar._fields.index("end")
"""Column of `Growth.days`."""

SHARED, OWN = 1.0, 0.35
"""How much a field's shift moves all its stages together, and each by itself."""

ESTABLISH = 40.0
"""Days from emergence to the leaf area of the winter."""

LITTER_DECAY = 60.0
"""Days in which straw left on the ground fades to about a third."""


@dataclass(frozen=True, kw_only=True)
class Plants:
    """How the stands of all fields look on a day."""

    area: PerField
    """Leaf area, green or dry, in m2 per m2."""
    ripeness: PerField
    """0 green, 1 dry."""
    bloom: PerField
    """Share of the canopy's top that is petals."""
    litter: PerField
    """Share of the ground under straw or dead leaves."""


@dataclass(frozen=True, kw_only=True)
class Growth:
    """One stand per field: its calendar, its size and its colours."""

    days: NDArray[np.float32]
    """(F, 7) in the order of Calendar."""
    bloom_days: NDArray[np.float32]
    """(F, 2) first and last day of flowering; equal where it does not flower."""
    winter_area: PerField
    peak_area: PerField
    litter: PerField
    green: Spectrum
    """(F, B), as are the next two."""
    dry: Spectrum
    petals: Spectrum

    def on(self, day: NDArray[np.float32]) -> Plants:
        """The plants on a day (F,) of each field's own calendar."""
        emerge, regrow, full, fade, ripe, end, tillage = self.days.T
        winter = self.winter_area * _ramp(day, emerge, emerge + ESTABLISH)
        summer = (self.peak_area - self.winter_area) * _ramp(day, regrow, full)
        standing = day <= end
        left = (day > end) & (day <= tillage)
        return Plants(
            area=np.where(standing & (day > emerge), winter + summer, 0).astype(np.float32),
            ripeness=_ramp(day, fade, ripe),
            bloom=_bloom(day, self.bloom_days),
            litter=np.where(left, self.litter * np.exp((end - day) / LITTER_DECAY), 0).astype(
                np.float32
            ),
        )


def grow(rng: np.random.Generator, stands: Sequence[Stand]) -> Growth:
    """Draw the stands of F fields, each with its own shift of the calendar and its own vigour."""
    days = np.array([stand.calendar for stand in stands])
    spread = np.array([stand.spread for stand in stands])[:, None]
    shift = SHARED * rng.standard_normal((len(stands), 1))
    shifted = days + spread * (shift + OWN * rng.standard_normal(days.shape))
    bloom = np.array([stand.flower for stand in stands]) + spread * shift
    return Growth(
        days=shifted.astype(np.float32),
        bloom_days=bloom.astype(np.float32),
        winter_area=_varied(rng, [stand.winter_area for stand in stands], 0.45),
        peak_area=_varied(rng, [stand.peak_area for stand in stands], 0.22),
        litter=np.minimum(_varied(rng, [stand.litter for stand in stands], 0.3), 1),
        green=tinted(rng, np.stack([stand.green for stand in stands])),
        dry=tinted(rng, np.stack([stand.dry for stand in stands])),
        petals=tinted(rng, np.stack([_petals(stand) for stand in stands])),
    )


def _petals(stand: Stand) -> Spectrum:
    return stand.green if stand.petals is None else stand.petals


def _varied(rng: np.random.Generator, values: Sequence[float], deviation: float) -> PerField:
    chance = rng.lognormal(-(deviation**2) / 2, deviation, len(values))
    varied: PerField = (np.array(values) * chance).astype(np.float32)
    return varied


def _ramp(day: PerField, first: PerField, last: PerField) -> PerField:
    """0 up to the first day, 1 from the last, smooth between."""
    x = np.clip((day - first) / np.maximum(last - first, 1), 0, 1)
    smooth: PerField = (x * x * (3 - 2 * x)).astype(np.float32)
    return smooth


def _bloom(day: PerField, bloom_days: NDArray[np.float32]) -> PerField:
    first, last = bloom_days.T
    opening = _ramp(day, first, first + 8) * (1 - _ramp(day, last - 8, last))
    petals: PerField = np.where(last > first, 0.85 * opening, 0).astype(np.float32)
    return petals
