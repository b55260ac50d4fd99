"""What the satellite and its processing add: blur, 20 m pixels, haze left over, noise."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from am4cm_cli.sensors import BAND_METRES, LAND_BANDS
from am4cm_cli.simulation.processors import SEN2COR, Processor
from am4cm_cli.simulation.responses import responses
from am4cm_cli.simulation.spectra import Reflectance

POINT_SPREAD = 0.55
"""Deviation in pixels of the blur of optics and detector."""

JITTER = 0.2
"""Deviation in pixels of an image's place from date to date."""

HAZE_SLOPE = -1.3
"""Fall of the haze left over with the wavelength."""

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


def haze_left_over(
    reflectance: Reflectance,
    rng: np.random.Generator,
    *,
    processor: Processor = SEN2COR,
    bands: Sequence[str] = LAND_BANDS,
) -> Reflectance:
    """Gain and offset of a date, the same for all its pixels; dark ones may fall below 0."""
    centres = np.array([responses("A")[band].centre for band in bands])
    offset = rng.normal(processor.pale, processor.left_over) * (centres / 490) ** HAZE_SLOPE
    common = 1 + rng.normal(0, processor.angles)
    gain = common + processor.uneven * rng.normal(0, processor.angles, len(bands))
    corrected: Reflectance = reflectance * _per_band(gain) + _per_band(offset)
    return corrected


def _per_band(values: NDArray[np.floating]) -> Reflectance:
    """Values (B,) as (B, 1, 1)."""
    return values.astype(np.float32)[:, None, None]


def detect(
    reflectance: Reflectance, rng: np.random.Generator, *, bands: Sequence[str] = LAND_BANDS
) -> Reflectance:
    """Average the coarser bands over their pixels, add noise, and return to 10 m."""
    detected = np.empty_like(reflectance)
    for band, name in enumerate(bands):
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
