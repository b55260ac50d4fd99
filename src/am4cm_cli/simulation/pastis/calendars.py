"""When a tile is seen, what the weather is then, and how its sky looks."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from am4cm_cli.simulation.acquisitions import REVISIT, SIDE_OFFSET
from am4cm_cli.simulation.config import SimulationConfig
from am4cm_cli.simulation.pastis.config import DAYS, PastisConfig
from am4cm_cli.simulation.pastis.tiles import Tile
from am4cm_cli.simulation.shares import deal
from am4cm_cli.simulation.sky import SKIES
from am4cm_cli.simulation.weather import Weather, weather_of

DATES = (43, 61)
"""Least and greatest number in a tile; THEIA makes no product of the cloudiest."""

LEFT_OUT = 5
"""Dates of the tile that a patch may lack."""

NOON = timedelta(hours=11, minutes=5)
"""Of a pass over Greenwich; four minutes earlier for every degree to the east."""

CLEAR_COVER, CLOUDY_COVER = (0.7, 12.0), (2.2, 1.2)
"""Beta distributions of the share of a tile's patches with clouds, on a good and on a bad date."""

SAME = 0.65
"""Share of a tile's cloudy patches whose sky is of the date's own kind."""

Rng = np.random.Generator


@dataclass(frozen=True, kw_only=True)
class Pass:
    """A date of a tile."""

    time: datetime
    """In UTC."""
    weather: Weather
    cloudy: float
    """Chance of a patch to have clouds or haze."""
    sky: str
    """The kind of most cloudy skies of that date, a name in SKIES."""


def passes_of(config: PastisConfig, tile: Tile) -> tuple[Pass, ...]:
    """All dates of a tile, in order."""
    place = config.place(tile)
    weather = weather_of(place)
    rng = place.rng("passes")
    days = _days(rng, tile, np.array([day.season for day in weather]))
    chance = _cloudy(rng, tile, np.array([weather[day].season for day in days]))
    kinds = deal(rng, [share for share, _ in SKIES.values()], len(days))
    return tuple(
        Pass(
            time=_time(rng, place, day),
            weather=_local(weather[day], tile),
            cloudy=float(cloudy),
            sky=list(SKIES)[kind],
        )
        for day, cloudy, kind in zip(days.tolist(), chance, kinds, strict=True)
    )


def seen_from(rng: Rng, passes: tuple[Pass, ...]) -> tuple[Pass, ...]:
    """The dates of one patch: those of its tile, of which it may lack some."""
    lacking = rng.choice(len(passes), int(rng.integers(LEFT_OUT, endpoint=True)), replace=False)
    return tuple(one for index, one in enumerate(passes) if index not in lacking)


def sky_over(rng: Rng, one: Pass) -> str:
    """The kind of sky of a patch on a date: "clear" or a name in SKIES."""
    cloudy, same = rng.random(2)
    other = rng.choice(list(SKIES), p=_shares())
    if cloudy >= one.cloudy:
        return "clear"
    return one.sky if same < SAME else str(other)


def _shares() -> list[float]:
    total = sum(share for share, _ in SKIES.values())
    return [share / total for share, _ in SKIES.values()]


def _days(rng: Rng, tile: Tile, season: NDArray[np.float64]) -> NDArray[np.int64]:
    """(T,) days since the start, fewer of them in a dull winter."""
    days = np.arange(DAYS)
    since = (days - rng.integers(REVISIT)) % REVISIT
    seen = days[(since == 0) | (tile.overlap & (since == SIDE_OFFSET))]
    chance = 1 - tile.dull_winter * _winter(season[seen])
    count = int(rng.integers(*DATES, endpoint=True))
    return np.sort(rng.choice(seen, count, replace=False, p=chance / chance.sum()))


def _winter(season: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 in the middle of January, -1 in the middle of July."""
    return np.cos(2 * np.pi * (season - 15) / 365)


def _cloudy(rng: Rng, tile: Tile, season: NDArray[np.float64]) -> NDArray[np.float64]:
    """(T,) share of the patches that are cloudy."""
    bad = rng.random(len(season)) < tile.cloudy * (1 + tile.dull_winter * _winter(season))
    return np.where(bad, rng.beta(*CLOUDY_COVER, len(season)), rng.beta(*CLEAR_COVER, len(season)))


def _time(rng: Rng, place: SimulationConfig, day: int) -> datetime:
    midnight = datetime.combine(place.start, datetime.min.time()) + timedelta(days=day)
    seconds = int(rng.integers(-200, 200)) - round(240 * place.longitude)
    return midnight + NOON + timedelta(seconds=seconds)


def _local(weather: Weather, tile: Tile) -> Weather:
    return replace(
        weather,
        wetness=weather.wetness * tile.wet,
        snow=weather.snow * tile.snow,
        season=(weather.season - tile.later) % 365,
    )
