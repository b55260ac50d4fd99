"""Which patches there are: their numbers, tiles, folds and places."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from am4cm_cli.datasets.pastis.layout import FOLDS
from am4cm_cli.simulation.config import PIXEL
from am4cm_cli.simulation.pastis.config import PastisConfig
from am4cm_cli.simulation.pastis.tiles import TILES, Tile

EXTENT = 109_800.0
"""Metres on a side of a tile."""

FIRST = 10_000
"""Number of the first patch of the first tile; the other tiles begin at 20000, 30000, 40000."""

GAP = 0.12
"""Chance that a number is left out."""

Rng = np.random.Generator


@dataclass(frozen=True, kw_only=True)
class Site:
    """A patch before anything is known of its pixels."""

    number: int
    tile: Tile
    fold: int
    west: float
    """Metres of its upper left corner along the tile's UTM axes, as is the next."""
    north: float
    extent: float
    """Metres on a side."""


def sites_of(config: PastisConfig) -> tuple[Site, ...]:
    """Patches in the order of their numbers; no two of them overlap."""
    whole = config.place(TILES[0])
    tiles = _turns(whole.rng("tiles"), len(TILES), config.patches)
    folds = _turns(whole.rng("folds"), len(FOLDS), config.patches)
    sites = [
        site
        for index, tile in enumerate(TILES)
        for site in _in_tile(config, tile, FIRST * (index + 1), folds[tiles == index])
    ]
    return tuple(sites)


def _turns(rng: Rng, kinds: int, count: int) -> NDArray[np.int64]:
    """(count,) the kinds in turns, each turn in another order, so that all come about as often."""
    rounds = [rng.permutation(kinds) for _ in range(-(-count // kinds))]
    return np.concatenate(rounds)[:count]


def _in_tile(config: PastisConfig, tile: Tile, first: int, folds: NDArray[np.int64]) -> list[Site]:
    rng = config.place(tile).rng("sites")
    extent = config.side * PIXEL
    along = int(EXTENT // extent)
    # A cell and a gap are drawn for every place, so that more patches do not move the first.
    cells = rng.permutation(along**2)
    numbers = first + np.arange(along**2) + np.cumsum(rng.random(along**2) < GAP)
    numbers += first - numbers[0]
    return [
        Site(
            number=int(number),
            tile=tile,
            fold=FOLDS[fold],
            west=tile.west + extent * float(cell % along),
            north=tile.north - extent * float(cell // along),
            extent=extent,
        )
        for number, fold, cell in zip(numbers, folds, cells, strict=False)
    ]
