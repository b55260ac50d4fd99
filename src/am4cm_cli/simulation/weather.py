"""Rain and snow from day to day, the same over the whole image."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from am4cm_cli.simulation.config import SimulationConfig

DRYING = 9.0
"""Days in which a wet soil dries to about a third in spring; slower in winter."""

SNOWFALLS = 1
"""That stay on the ground, in a winter."""


@dataclass(frozen=True, kw_only=True)
class Weather:
    """Of one day."""

    wetness: float
    """Of the top soil, 0 dry to 1 wet."""
    snow: float
    """Depth relative to what covers all: 0 none, 1 stubble still shows, 2 all white."""
    season: float
    """Day of the year, 0 to 365."""


def weather_of(config: SimulationConfig) -> tuple[Weather, ...]:
    """The weather of each of the days from the start."""
    rng = config.rng("weather")
    dates = [config.start + timedelta(days=day) for day in range(config.days)]
    season = np.array([(day - date(day.year, 1, 1)).days for day in dates])
    winter = 0.5 + 0.5 * np.cos(2 * np.pi * (season - 15) / 365)
    wetness = _wetness(rng, winter)
    snow = _snow(rng, season)
    return tuple(
        Weather(wetness=float(wet), snow=float(depth), season=float(day))
        for wet, depth, day in zip(wetness, snow, season, strict=True)
    )


def _wetness(rng: np.random.Generator, winter: NDArray[np.float64]) -> NDArray[np.float64]:
    """(days,) from 0 to 1; `winter` is 1 in January and 0 in July."""
    count = len(winter)
    rain = rng.random(count) < 0.3 + 0.2 * winter
    amount = np.where(rain, rng.gamma(0.8, 0.35, count), 0)
    # Evaporation almost stops in winter.
    kept = np.exp(-2 * (1.3 - winter) / DRYING)
    wetness, water = np.zeros(count), 0.5
    for day in range(count):
        water = min(1.0, water * kept[day] + amount[day])
        wetness[day] = water
    return wetness


def _snow(rng: np.random.Generator, season: NDArray[np.int64]) -> NDArray[np.float64]:
    """Falls between December and early March, each lying for one to two weeks."""
    cold = np.flatnonzero((season < 65) | (season > 335))
    depth = np.zeros(len(season))
    for first in rng.choice(cold, SNOWFALLS, replace=False) if len(cold) >= SNOWFALLS else ():
        length = int(rng.integers(6, 16))
        days = np.arange(first, min(first + length, len(season)))
        melting = np.linspace(rng.uniform(0.6, 1.6), 0.1, length)[: len(days)]
        depth[days] = np.maximum(depth[days], melting)
    return depth
