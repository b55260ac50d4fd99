"""What the satellite and its processing add: blur, 20 m pixels, haze left over, noise."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from am4cm_cli.sensors import BAND_METRES, LAND_BANDS
from am4cm_cli.simulation.spectra import WAVELENGTH, Reflectance

POINT_SPREAD = 0.55
"""Deviation in pixels of the blur of optics and detector."""

JITTER = 0.2
"""Deviation in pixels of an image's place from date to date."""

LEFT_OVER = 0.006
"""Deviation of the blue reflectance that the correction for haze leaves or takes too much."""

ANGLES = 0.025
"""Deviation of the brightness with the angles of sun and view."""

NOISE_FLOOR, NOISE_SHARE = 0.0015, 0.008
"""Deviation of a pixel's noise: absolute, and relative to its reflectance."""


def blur(reflectance: Reflectance, rng: np.random.Generator) -> Reflectance:
    """Blur and move a little, as no two images lie on one another exactly."""
    for axis, shift in zip((1, 2), rng.normal(0, JITTER, 2), strict=True):
        taps = np.arange(-3, 4) - shift
        kernel = np.exp(-0.5 * (taps / POINT_SPREAD) ** 2)
        blurred = np.empty_like(reflectance)
        ndimage.convolve1d(reflectance, kernel / kernel.sum(), axis, blurred, mode="nearest")
        reflectance = blurred
    return reflectance


def haze_left_over(reflectance: Reflectance, rng: np.random.Generator) -> Reflectance:
    """Gain and offset of a date, the same for all its pixels."""
    offset = rng.normal(0, LEFT_OVER) * (WAVELENGTH / 490) ** -2
    gain = 1 + rng.normal(0, ANGLES) + 0.4 * rng.normal(0, ANGLES, len(WAVELENGTH))
    corrected: Reflectance = reflectance * _per_band(gain) + _per_band(offset)
    return corrected


def _per_band(values: NDArray[np.floating]) -> Reflectance:
    """Values (B,) as (B, 1, 1)."""
    return values.astype(np.float32)[:, None, None]


def detect(reflectance: Reflectance, rng: np.random.Generator) -> Reflectance:
    """Average the coarser bands over their pixels, add noise, and return to 10 m."""
    detected = np.empty_like(reflectance)
    for band, name in enumerate(LAND_BANDS):
        factor = BAND_METRES[name] // 10
        coarse = _averaged(reflectance[band], factor)
        noise = rng.standard_normal(coarse.shape, dtype=np.float32)
        noise *= NOISE_FLOOR + NOISE_SHARE * np.abs(coarse)
        detected[band] = _repeated(coarse + noise, factor, reflectance.shape[1:])
    return detected


def _averaged(field: Reflectance, factor: int) -> Reflectance:
    """(Y / factor, X / factor); an incomplete pixel at the edge is filled from inside."""
    if factor == 1:
        return field
    height, width = field.shape
    whole = np.pad(field, [(0, -height % factor), (0, -width % factor)], mode="edge")
    rows, cols = whole.shape
    blocks = whole.reshape(rows // factor, factor, cols // factor, factor)
    mean: Reflectance = blocks.mean(axis=(1, 3))
    return mean


def _repeated(field: Reflectance, factor: int, shape: tuple[int, ...]) -> Reflectance:
    fine = field.repeat(factor, axis=0).repeat(factor, axis=1)
    return fine[: shape[0], : shape[1]]
