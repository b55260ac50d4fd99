"""Where the sun stands."""

from dataclasses import dataclass
from datetime import UTC, datetime
from math import acos, asin, atan2, cos, degrees, radians, sin, tan

J2000 = datetime(2000, 1, 1, 12, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Sun:
    """Degrees."""

    zenith: float
    azimuth: float
    """Clockwise from north."""

    @property
    def cosine(self) -> float:
        """Cosine of the zenith, at least 0.1: the formulas of light fail at the horizon."""
        return max(cos(radians(self.zenith)), 0.1)

    def shadow(self, height: float, *, pixel: float) -> tuple[float, float]:
        """Rows and columns from a cloud at `height` metres to its shadow on flat ground."""
        reach = height * tan(radians(min(self.zenith, 84.0))) / pixel
        # Rows grow to the south, columns to the east; the shadow points away from the sun.
        return reach * cos(radians(self.azimuth)), -reach * sin(radians(self.azimuth))


def sun_position(time: datetime, *, latitude: float, longitude: float) -> Sun:
    """Sun over a place (degrees north, east) at a time in UTC, to about 0.05 degrees.

    The low-precision formulas of the Astronomical Almanac.
    """
    days = (time.replace(tzinfo=UTC) - J2000).total_seconds() / 86400
    mean_longitude = (280.460 + 0.9856474 * days) % 360
    anomaly = radians((357.528 + 0.9856003 * days) % 360)
    ecliptic = radians(mean_longitude + 1.915 * sin(anomaly) + 0.020 * sin(2 * anomaly))
    obliquity = radians(23.439)
    declination = asin(sin(obliquity) * sin(ecliptic))
    ascension = degrees(atan2(cos(obliquity) * sin(ecliptic), cos(ecliptic)))
    sidereal = (280.46062 + 360.98564737 * days + longitude) % 360
    return _horizontal(radians(sidereal - ascension), declination, radians(latitude))


def _horizontal(hour: float, declination: float, latitude: float) -> Sun:
    sine = sin(latitude) * sin(declination) + cos(latitude) * cos(declination) * cos(hour)
    south = sin(latitude) * cos(declination) * cos(hour) - cos(latitude) * sin(declination)
    azimuth = 180 + degrees(atan2(cos(declination) * sin(hour), south))
    return Sun(zenith=degrees(acos(min(1.0, max(-1.0, sine)))), azimuth=azimuth % 360)
