"""What is simulated: the size, the dates, the seed and how often it is cloudy."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zlib import crc32

import numpy as np

LATITUDE, LONGITUDE = 50.5, 3.0
"""Degrees north and east: the farmland of the Low Countries."""

PIXEL = 10.0
"""Metres."""

MAX_DATES = 146
"""Two orbits that each pass every five days for a year."""


@dataclass(frozen=True, kw_only=True)
class SimulationConfig:
    """A year of one place. The same values give the same pixels."""

    size: int = 256
    """Side of the square image in pixels of 10 m."""
    dates: int = 40
    seed: int = 0
    start: date = date(2018, 1, 1)
    """The dates lie in the 365 days from here on."""
    cloudiness: float = 0.5
    """Share of the dates that have some cloud or haze, 0 to 1."""
    days: int = 365
    """From the start that there is weather for."""
    latitude: float = LATITUDE
    longitude: float = LONGITUDE

    def __post_init__(self) -> None:
        if self.size < 8:
            raise ValueError(f"size {self.size}: at least 8 pixels hold a field")
        if not 1 <= self.dates <= MAX_DATES:
            raise ValueError(f"dates {self.dates}: 1 to {MAX_DATES} fit into a year")
        if not 0 <= self.cloudiness <= 1:
            raise ValueError(f"cloudiness {self.cloudiness}: a share from 0 to 1")

    @property
    def harvest_year(self) -> int:
        """The year whose harvest the labels name: the one that holds most of the dates."""
        return (self.start + timedelta(days=182)).year

    def crop_day(self, time: datetime) -> int:
        """Days since 1 January of the harvest year; negative in the autumn of sowing."""
        return (time.date() - date(self.harvest_year, 1, 1)).days

    def rng(self, purpose: str, index: int = 0) -> np.random.Generator:
        """Random numbers of their own for each purpose, so that one does not move another."""
        return np.random.default_rng([self.seed, crc32(purpose.encode()), index])
