"""How much of PASTIS is simulated, and the random numbers of it."""

from dataclasses import dataclass
from datetime import date

from am4cm_cli.datasets.pastis.layout import SIDE
from am4cm_cli.simulation.config import SimulationConfig
from am4cm_cli.simulation.pastis.tiles import TILES, Tile

START = date(2018, 9, 1)
DAYS = 456
"""From START to the end of November 2019."""

FEWEST, MOST = 5, 24_000
"""Patches: one for each fold, and as many as the tiles hold with room to spare."""

SEEDS = 100_000
"""Seeds of patches and tiles that belong to one seed of the whole."""


@dataclass(frozen=True, kw_only=True)
class PastisConfig:
    """The same values give the same bytes; more patches leave the first ones as they are."""

    patches: int = 60
    seed: int = 0
    side: int = SIDE
    """Of a patch in pixels; that of PASTIS unless something is tried out."""

    def __post_init__(self) -> None:
        if not FEWEST <= self.patches <= MOST:
            raise ValueError(f"patches {self.patches}: expected {FEWEST} to {MOST}")

    def place(self, tile: Tile, number: int = 0) -> SimulationConfig:
        """Describe a patch by its number, or with number 0 the tile as a whole."""
        return SimulationConfig(
            size=self.side,
            seed=self.seed * SEEDS + (number or TILES.index(tile)),
            start=START,
            days=DAYS,
            latitude=tile.latitude,
            longitude=tile.longitude,
        )
