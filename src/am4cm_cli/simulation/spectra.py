"""Typical surface reflectance of what covers the ground, in the order of LAND_BANDS.

Round values of the kind found in published spectral libraries (laboratory and field spectra of
soils, leaves and roofs), in canopy models of the PROSAIL type and in cloud-free Sentinel-2 images.
"""

import numpy as np
from numpy.typing import NDArray

Spectrum = NDArray[np.float32]
"""(B,), or (..., B) for several."""

Reflectance = NDArray[np.float32]
"""(B, Y, X)"""


def _spectrum(*reflectance: float) -> Spectrum:
    return np.array(reflectance, np.float32)


WAVELENGTH = _spectrum(490, 560, 665, 705, 740, 783, 842, 865, 1610, 2190)
"""Band centres in nanometres."""

# Soils, laboratory and field spectra: a dark wet loam, and a bright dry silt or limestone soil.
WET_SOIL = _spectrum(0.035, 0.05, 0.067, 0.08, 0.09, 0.1, 0.115, 0.12, 0.155, 0.125)
DRY_SOIL = _spectrum(0.085, 0.12, 0.165, 0.19, 0.21, 0.23, 0.25, 0.26, 0.345, 0.31)
PALE_SOIL = _spectrum(0.135, 0.185, 0.245, 0.275, 0.295, 0.315, 0.335, 0.345, 0.43, 0.39)

# Dense canopies (leaf area 6 and more), canopy models and images at their peak.
CEREAL = _spectrum(0.022, 0.042, 0.02, 0.072, 0.29, 0.4, 0.43, 0.445, 0.17, 0.075)
BROAD_LEAF = _spectrum(0.026, 0.06, 0.024, 0.095, 0.4, 0.53, 0.56, 0.57, 0.235, 0.11)
MAIZE = _spectrum(0.024, 0.05, 0.023, 0.085, 0.3, 0.4, 0.43, 0.44, 0.185, 0.08)
RAPESEED = _spectrum(0.025, 0.055, 0.025, 0.088, 0.34, 0.45, 0.48, 0.49, 0.2, 0.095)
GRASS = _spectrum(0.028, 0.062, 0.032, 0.1, 0.33, 0.42, 0.445, 0.46, 0.215, 0.105)
BROAD_WOOD = _spectrum(0.018, 0.04, 0.019, 0.07, 0.29, 0.39, 0.42, 0.435, 0.175, 0.075)
CONIFER = _spectrum(0.014, 0.026, 0.016, 0.044, 0.145, 0.185, 0.2, 0.21, 0.095, 0.045)
VINE = _spectrum(0.024, 0.05, 0.026, 0.085, 0.27, 0.35, 0.375, 0.39, 0.19, 0.095)

# Flowers seen from above: rapeseed absorbs blue and reflects yellow; sunflower does so faintly.
RAPE_FLOWER = _spectrum(0.04, 0.165, 0.165, 0.22, 0.36, 0.43, 0.46, 0.47, 0.23, 0.12)
SUN_FLOWER = _spectrum(0.035, 0.11, 0.11, 0.15, 0.34, 0.43, 0.46, 0.47, 0.23, 0.12)

# Dry plants, field spectra: standing ripe crops, straw and stubble, dead leaves under trees.
RIPE = _spectrum(0.05, 0.08, 0.115, 0.15, 0.2, 0.235, 0.265, 0.285, 0.29, 0.19)
WITHERED = _spectrum(0.045, 0.07, 0.085, 0.115, 0.16, 0.19, 0.215, 0.23, 0.235, 0.165)
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

EXTINCTION = _spectrum(0.8, 0.75, 0.8, 0.65, 0.45, 0.4, 0.4, 0.4, 0.6, 0.7)
"""How fast a canopy approaches its dense reflectance with leaf area (Baret and Guyot 1991):
leaves absorb visible light, so it saturates early; the near infrared passes through many leaves.
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
