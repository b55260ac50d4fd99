"""How a processing chain leaves the reflectance: what it leaves of the haze, and its brightness."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Processor:
    """The errors of a chain; they are the same for all pixels of a date."""

    name: str
    level: str = "L2A"
    """"L2A" at the surface, ten bands; "L1C" above the air, thirteen."""
    pale: float = 0.0
    """Mean of the blue reflectance that the correction for haze leaves."""
    left_over: float = 0.0
    """Its deviation from date to date; below 0 the correction took too much."""
    angles: float = 0.025
    """Deviation of the brightness with the angles of sun and view."""
    uneven: float = 0.4
    """Deviation of a band's own brightness, relative to `angles`."""
    veiled: float = 1.0
    """Of the light of thin haze, the share that is left; the chain takes the rest for aerosol."""


SEN2COR = Processor(name="Sen2Cor", pale=0.005, left_over=0.009)
"""Works on one date: it may take too much, and clear dates come out dark in the blue."""

THEIA = Processor(name="THEIA", pale=0.003, left_over=0.005, angles=0.02, uneven=0.25, veiled=0.7)
"""MAJA estimates the aerosol from several dates, on a coarse grid: steadier from date to date, and
some of a wide haze goes as aerosol."""

NO_CORRECTION = Processor(name="L1C", level="L1C", angles=0.015, uneven=0.2)
"""Reflectance above the air; no chain has guessed at anything."""

PROCESSORS = {chain.name.lower(): chain for chain in (SEN2COR, THEIA, NO_CORRECTION)}
