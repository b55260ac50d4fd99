"""What each band of Sentinel-2A and 2B sees of a spectrum.

The relative responses that ESA publishes (S2-SRF, COPE-GSEG-EOPG-TN-15-0007), every 2.5 nm.
"""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from am4cm_cli.sensors import BAND_METRES

SATELLITES = ("A", "B")

Values = NDArray[np.floating] | NDArray[np.integer]


@dataclass(frozen=True, kw_only=True)
class Response:
    """How strongly one band answers to each wavelength."""

    wavelength: NDArray[np.float64]
    """Nanometres, rising evenly."""
    weight: NDArray[np.float64]
    """Relative to the greatest."""

    @property
    def centre(self) -> float:
        """Mean wavelength in nanometres."""
        return float(np.average(self.wavelength, weights=self.weight))

    def mean(self, wavelength: Values, spectrum: Values) -> float:
        """The band's reflectance of a spectrum given at rising wavelengths in nanometres."""
        return float(
            np.average(np.interp(self.wavelength, wavelength, spectrum), weights=self.weight)
        )


@cache
def responses(satellite: str) -> dict[str, Response]:
    """The 13 bands of Sentinel-2 "A" or "B", in the order of BAND_METRES."""
    table = read_table("responses.json")
    bands = table["satellites"][satellite]
    return {name: _response(bands[name], table["step"]) for name in BAND_METRES}


def _response(band: dict[str, Any], step: float) -> Response:
    weight = np.array(band["response"])
    return Response(wavelength=band["first"] + step * np.arange(len(weight)), weight=weight)


def seen_by_bands(satellite: str, wavelength: Values, spectrum: Values) -> NDArray[Any]:
    """(13,) what the bands of a satellite see of a spectrum."""
    return np.array([band.mean(wavelength, spectrum) for band in responses(satellite).values()])


def read_table(name: str) -> dict[str, Any]:
    """A JSON table of simulation/data/."""
    text = (files("am4cm_cli.simulation") / "data" / name).read_text(encoding="utf-8")
    table: dict[str, Any] = json.loads(text)
    return table
