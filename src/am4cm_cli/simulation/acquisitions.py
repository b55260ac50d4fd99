"""When the satellites pass."""

from datetime import datetime, timedelta

import numpy as np

from am4cm_cli.simulation.config import SimulationConfig

REVISIT = 5
"""Days: two satellites ten days apart on the same orbit."""

SIDE_OFFSET = 3
"""Days from a pass of the main orbit to one of its neighbour, which sees the place from aside."""

MAIN_TIME = timedelta(hours=10, minutes=53)
SIDE_TIME = timedelta(hours=11, minutes=3)

MAIN_CHANCE, SIDE_CHANCE = 3.0, 1.0
"""How often an orbit's pass is kept, relative to the other's."""


def acquisition_times(config: SimulationConfig) -> tuple[datetime, ...]:
    """T times in order, in UTC; multiples of five days on two orbits, with gaps."""
    rng = config.rng("acquisitions")
    first = datetime.combine(config.start, datetime.min.time())
    days = np.arange(365)
    main = days % REVISIT == 0
    passes = days[main | (days % REVISIT == SIDE_OFFSET)]
    chance = np.where(main[passes], MAIN_CHANCE, SIDE_CHANCE)
    kept = np.sort(rng.choice(passes, config.dates, replace=False, p=chance / chance.sum()))
    seconds = rng.integers(-240, 240, config.dates)
    return tuple(
        first
        + timedelta(days=int(day), seconds=int(second))
        + (MAIN_TIME if main[day] else SIDE_TIME)
        for day, second in zip(kept, seconds, strict=True)
    )
