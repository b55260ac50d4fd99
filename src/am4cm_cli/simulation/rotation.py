"""What stands on every field through the year: the crop, what was before it, what follows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from am4cm_cli.simulation.crops import AFTER, BEFORE, Cover, Stand
from am4cm_cli.simulation.growth import END, Growth, Plants, grow
from am4cm_cli.simulation.spectra import Spectrum

CLEARED = 14.0
"""Days before a crop emerges by which the plants before it are gone."""

LAST_GROWTH, SLOW_GROWTH = 310.0, 90.0
"""Day by which autumn growth ends, and how many days before it sowings begin to stay small."""


@dataclass(frozen=True, kw_only=True)
class Canopies:
    """The one stand that each of F fields shows on a day."""

    plants: Plants
    young: Spectrum
    """(F, B) reflectance of a dense canopy where it is green."""
    ripe: Spectrum
    """(F, B) likewise where it is dry."""


@dataclass(frozen=True, kw_only=True)
class Rotation:
    """Three stands for each of F fields."""

    yearly: NDArray[np.bool_]
    """(F,), True where the same plants come back each year."""
    before: Growth
    main: Growth
    after: Growth
    """Its days count from the harvest of `main`."""

    def on(self, day: int) -> Canopies:
        """What stands on a day since 1 January of the harvest year."""
        own = np.where(self.yearly, day % 365, day).astype(np.float32)
        slots = (self.before, self.main, self.after)
        days = (own, own, own - self.main.days[:, END])
        states = [growth.on(time) for growth, time in zip(slots, days, strict=True)]
        slot = np.stack([state.area for state in states]).argmax(axis=0)
        plants = _picked(states, slot)
        green, dry, petals = (
            np.choose(slot[:, None], [getattr(growth, part) for growth in slots])
            for part in ("green", "dry", "petals")
        )
        bloom = plants.bloom[:, None]
        return Canopies(
            plants=plants,
            young=green + bloom * (petals - green),
            ripe=dry + bloom * (petals - dry),
        )


def rotate(rng: np.random.Generator, covers: Sequence[Cover]) -> Rotation:
    """Draw the year of F fields."""
    main = grow(rng, [cover.stand for cover in covers])
    before = grow(rng, [_pick(rng, BEFORE, cover.before) for cover in covers])
    after = grow(rng, [_pick(rng, AFTER, cover.after) for cover in covers])
    days = before.days.copy()
    days[:, END:] = np.minimum(days[:, END:], main.days[:, :1] - CLEARED)
    late = (LAST_GROWTH - main.days[:, END]) / SLOW_GROWTH
    left = np.clip(late, 0.1, 1).astype(np.float32)
    return Rotation(
        yearly=np.array([cover.yearly for cover in covers]),
        before=replace(before, days=days),
        main=main,
        after=replace(after, peak_area=after.peak_area * left),
    )


def _pick(rng: np.random.Generator, table: dict[str, Stand], names: Sequence[str]) -> Stand:
    return table[names[int(rng.integers(len(names)))]]


def _picked(states: Sequence[Plants], slot: NDArray[np.intp]) -> Plants:
    """The state of the stand in `slot`; litter may outlast the stand that left it."""
    return Plants(
        area=np.choose(slot, [state.area for state in states]),
        ripeness=np.choose(slot, [state.ripeness for state in states]),
        bloom=np.choose(slot, [state.bloom for state in states]),
        litter=np.max([state.litter for state in states], axis=0),
    )
