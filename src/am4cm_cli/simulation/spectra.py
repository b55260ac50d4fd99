"""Typical surface reflectance of what covers the ground, in the order of LAND_BANDS.

Canopies come from PROSAIL and the responses of Sentinel-2A: data/canopies.json, which
bench/spectra.py writes. The rest are round values of the kind found in published spectral
libraries (laboratory and field spectra of soils, straw and roofs) and in cloud-free images.
"""

import numpy as np
from numpy.typing import NDArray

from am4cm_cli.sensors import BAND_METRES, LAND_BANDS
from am4cm_cli.simulation.responses import read_table

Spectrum = NDArray[np.float32]
"""(B,), or (..., B) for several."""

Reflectance = NDArray[np.float32]
"""(B, Y, X)"""


def _spectrum(*reflectance: float) -> Spectrum:
    return np.array(reflectance, np.float32)


_TABLE = read_table("canopies.json")


def _canopy(kind: str) -> Spectrum:
    """A dense canopy of data/canopies.json as Sentinel-2A sees it."""
    seen = dict(zip(BAND_METRES, _TABLE["dense"][kind]["A"], strict=True))
    return _spectrum(*(seen[band] for band in LAND_BANDS))


WAVELENGTH = _spectrum(490, 560, 665, 705, 740, 783, 842, 865, 1610, 2190)
"""Band centres in nanometres."""

# Soils, laboratory and field spectra: a dark wet loam, and a bright dry silt or limestone soil.
WET_SOIL = _spectrum(0.035, 0.05, 0.067, 0.08, 0.09, 0.1, 0.115, 0.12, 0.155, 0.125)
DRY_SOIL = _spectrum(0.085, 0.12, 0.165, 0.19, 0.21, 0.23, 0.25, 0.26, 0.345, 0.31)
PALE_SOIL = _spectrum(0.135, 0.185, 0.245, 0.275, 0.295, 0.315, 0.335, 0.345, 0.43, 0.39)

# Dense canopies, green.
CEREAL = _canopy("cereal")
BROAD_LEAF = _canopy("broad leaf")
MAIZE = _canopy("maize")
RAPESEED = _canopy("rapeseed")
LEGUME = _canopy("legume")
GRASS = _canopy("grass")
BROAD_WOOD = _canopy("broad wood")
CONIFER = _canopy("conifer")
VINE = _canopy("vine")

# Dense canopies, dry: standing ripe crops, and leaves withered in autumn.
RIPE = _canopy("ripe")
WITHERED = _canopy("withered")

# Flowers seen from above: rapeseed absorbs blue and reflects yellow; sunflower does so faintly.
RAPE_FLOWER = _spectrum(0.04, 0.165, 0.165, 0.22, 0.36, 0.43, 0.46, 0.47, 0.23, 0.12)
SUN_FLOWER = _spectrum(0.035, 0.11, 0.11, 0.15, 0.34, 0.43, 0.46, 0.47, 0.23, 0.12)

# Field spectra: straw and stubble, dead leaves under trees.
STRAW = _spectrum(0.085, 0.125, 0.17, 0.205, 0.24, 0.27, 0.305, 0.325, 0.38, 0.275)
FOREST_FLOOR = _spectrum(0.03, 0.045, 0.055, 0.08, 0.11, 0.13, 0.15, 0.165, 0.185, 0.12)

# Urban spectral libraries; a glasshouse shows panes, plants and floor together.
ASPHALT = _spectrum(0.075, 0.088, 0.1, 0.108, 0.112, 0.118, 0.125, 0.13, 0.15, 0.145)
TILES = _spectrum(0.055, 0.08, 0.15, 0.175, 0.19, 0.205, 0.215, 0.225, 0.28, 0.265)
CONCRETE = _spectrum(0.15, 0.175, 0.2, 0.21, 0.22, 0.225, 0.235, 0.24, 0.27, 0.25)
BRIGHT_ROOF = _spectrum(0.36, 0.38, 0.4, 0.41, 0.415, 0.42, 0.43, 0.43, 0.42, 0.38)
GLASSHOUSE = _spectrum(0.19, 0.205, 0.21, 0.24, 0.29, 0.32, 0.335, 0.34, 0.27, 0.215)

# Inland water, clear and turbid; old, coarse snow.
CLEAR_WATER = _spectrum(0.032, 0.036, 0.024, 0.02, 0.016, 0.015, 0.013, 0.012, 0.007, 0.005)
TURBID_WATER = _spectrum(0.055, 0.085, 0.075, 0.072, 0.04, 0.038, 0.03, 0.028, 0.01, 0.007)
SNOW = _spectrum(0.82, 0.83, 0.82, 0.82, 0.81, 0.79, 0.76, 0.74, 0.11, 0.08)

EXTINCTION = _spectrum(*_TABLE["extinction"])
"""How fast a canopy approaches its dense reflectance with leaf area: leaves absorb visible light,
so it saturates early; the near infrared passes through many leaves. Fitted to PROSAIL's canopies;
what the exponential leaves of their reflectance deviates by 0.005 to 0.024.
"""

PIGMENTS, STRUCTURE, MOISTURE = 0.13, 0.1, 0.12
"""Log-deviation of leaf reflectance between fields: visible, near and short-wave infrared."""

CAUSES: Spectrum = np.array(
    [
        *[[1, 0, 0]] * 3,
        [0.7, 0.3, 0],
        [0.1, 0.9, 0],
        *[[0, 1, 0]] * 3,
        [0, 0.3, 0.7],
        [0, 0, 1],
    ],
    np.float32,
)
"""(B, 3) how far pigments, structure and moisture move each band."""


def tinted(rng: np.random.Generator, spectra: Spectrum) -> Spectrum:
    """Spectra (F, B) of plants, varied between fields by what varies in leaves."""
    causes = rng.standard_normal((len(spectra), 3)) * (PIGMENTS, STRUCTURE, MOISTURE)
    varied: Spectrum = (spectra * np.exp(causes @ CAUSES.T)).astype(np.float32)
    return varied


SATELLITES: dict[str, NDArray[np.float32]] = {
    name: np.array(rows, np.float32) for name, rows in _TABLE["satellites"].items()
}
"""(13, B) for "A" and "B": each of their bands, told from the land bands of Sentinel-2A, in which
this module speaks. Every row sums to 1, so that what is white for one is white for the other."""
