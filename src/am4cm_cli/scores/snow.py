"""Snow that stays on the ground from one date to another, and so is no cloud."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

LEAST_NDSI = 0.4
LEAST_NIR = 0.11
LEAST_GREEN = 0.1
"""Snow reflects the green far more than the SWIR; the NIR tells it from water (Hall, Riggs and
Salomonson 1995, Remote Sensing of Environment 54: NDSI above 0.4, NIR above 0.11, green 0.1)."""
LASTING_DAYS = 30
MOST_CHANGE = 0.06
"""Two dates of one snow cover differ by less in every band; two ice clouds over one place, which
look like snow too, by 0.077 or more in 99 of 100 pairs on flanders-2018. The mean over bands tells
them apart no better there, so snow that changes with sun or slope is left to be cloud."""


@dataclass(frozen=True, kw_only=True)
class SnowBands:
    """Places of the bands that tell snow."""

    green: int
    nir: int
    swir: int


def snow_bands(bands: tuple[str, ...]) -> SnowBands | None:
    """Places of green, NIR and SWIR; None where one of them is missing."""
    nir = next((band for band in ("B8A", "B08") if band in bands), None)
    if nir is None or "B03" not in bands or "B11" not in bands:
        return None
    return SnowBands(green=bands.index("B03"), nir=bands.index(nir), swir=bands.index("B11"))


def near_dates(days: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(T, T) pairs of different days at most LASTING_DAYS apart."""
    apart = np.abs(days[:, None] - days[None, :])
    near: NDArray[np.bool_] = (apart > 0) & (apart <= LASTING_DAYS)
    return near


def looks_like_snow(reflectance: Tensor, valid: Tensor, bands: SnowBands) -> Tensor:
    """(T, P) bool from (T, B, P) reflectance; ice clouds look like it, too."""
    green, nir, swir = (reflectance[:, place] for place in (bands.green, bands.nir, bands.swir))
    ndsi = (green - swir) / (green + swir).clamp(min=1e-3)
    return valid & (ndsi > LEAST_NDSI) & (nir > LEAST_NIR) & (green > LEAST_GREEN)


def lasting_snow(reflectance: Tensor, valid: Tensor, bands: SnowBands, near: Tensor) -> Tensor:
    """Where snow lies that another date near in time shows as well, alike in every band.

    Args:
        reflectance: (T, B, P).
        valid: (T, P) bool.
        bands: that tell snow.
        near: (T, T) bool from `near_dates`.

    Returns:
        (T, P) bool.
    """
    snow = looks_like_snow(reflectance, valid, bands)
    lasting = torch.zeros_like(snow)
    seen = snow.any(dim=1)
    for first, second in torch.argwhere(near & seen & seen[:, None]).tolist():
        if first < second:
            change = (reflectance[first] - reflectance[second]).abs().amax(0)
            same = snow[first] & snow[second] & (change < MOST_CHANGE)
            lasting[first] |= same
            lasting[second] |= same
    return lasting
