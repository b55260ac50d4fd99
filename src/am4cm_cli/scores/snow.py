"""Snow that stays on the ground from one date to another, and so is no cloud."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from am4cm_cli.scores.observations import Observations

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
MOST_PIXELS = 1024
"""Looked at with all their bands at a time."""
SLACK = 1e-4
"""By which the quick tests let more pass than the exact one: rounding must not make them differ."""


@dataclass(frozen=True, kw_only=True)
class SnowBands:
    """Places of the bands that tell snow."""

    green: int
    nir: int
    swir: int


@dataclass(frozen=True, kw_only=True)
class SnowFinder:
    """Finds snow that lasts: by three weighted sums first, which most pixels fail."""

    bands: SnowBands
    near: Tensor
    """(T, T) bool, dates near enough for snow to have lasted between them."""
    weight: Tensor
    """(3, B) of the sums, per unit of reflectance."""
    constant: Tensor
    """(3,) to add to them; where one of them is negative there is no snow."""

    @classmethod
    def of(cls, bands: SnowBands, days: NDArray[np.int64], count: int) -> SnowFinder:
        """Make one for a stack.

        Args:
            bands: places of those that tell snow.
            days: (T,) since 1970-01-01.
            count: of the stack's bands.
        """
        weight = torch.zeros(3, count)
        # NDSI above 0.4: green - SWIR above 0.4 (green + SWIR). Where the sum is not positive
        # both sides agree too, for a green above 0.1 then leaves the SWIR below -0.1.
        weight[0, bands.green] = 1 - LEAST_NDSI
        weight[0, bands.swir] = -1 - LEAST_NDSI
        weight[1, bands.nir] = weight[2, bands.green] = 1
        constant = torch.tensor([0, -LEAST_NIR, -LEAST_GREEN]) + SLACK
        near = torch.from_numpy(near_dates(days))
        return cls(bands=bands, near=near, weight=weight, constant=constant)

    def to(self, like: Tensor) -> SnowFinder:
        """The same on another tensor's device, in its precision."""
        return SnowFinder(
            bands=self.bands,
            near=self.near.to(like.device),
            weight=self.weight.to(like),
            constant=self.constant.to(like),
        )

    def clear(self, drops: Tensor, observations: Observations, tests: Tensor) -> None:
        """Put 0 where snow lasts into drops.

        Args:
            drops: (T, F, P), changed in place.
            observations: the same.
            tests: (T, 3, P) weighted sums of them.
        """
        for places in self._parts(self._places(tests)):
            few = observations.at(places)
            lasting = lasting_snow(few.reflectance(), few.valid, self.bands, self.near)
            drops[..., places] = drops[..., places].masked_fill(lasting[:, None], 0.0)

    def _parts(self, places: Tensor) -> list[Tensor]:
        """All bands of many pixels would take more memory than their scores do; GPUs want many."""
        if not len(places) or places.device.type != "cpu":
            return [places] if len(places) else []
        return list(places.split(MOST_PIXELS))

    def _places(self, tests: Tensor) -> Tensor:
        """Pixels with two dates near each other that may be snow; none, mostly."""
        least = torch.minimum(torch.minimum(tests[:, 0], tests[:, 1]), tests[:, 2])
        dates = (least.amax(dim=1) > 0).nonzero()[:, 0]
        near = self.near[dates][:, dates]
        if not near.any():
            return dates[:0]
        maybe = (least[dates] > 0).to(least)
        vouched = maybe * (near.to(least) @ maybe)
        return vouched.amax(dim=0).nonzero()[:, 0]


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
