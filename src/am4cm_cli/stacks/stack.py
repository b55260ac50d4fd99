"""Scenes of one place on one grid, as facts; finding them is `discovery`'s work."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS

from am4cm_cli.sensors import LAND_BANDS


@dataclass(frozen=True, kw_only=True)
class Grid:
    """The pixels that all scenes of a stack share."""

    crs: CRS
    transform: Affine
    shape: tuple[int, int]
    """(Y, X)"""


@dataclass(frozen=True, kw_only=True)
class BandFile:
    """Where one band of one scene is stored, and how its numbers become reflectance."""

    path: Path
    index: int
    """Band number inside the file, from 1."""
    factor: int
    """Side of this band's pixels in pixels of the stack's grid: 2 for a 20 m band at 10 m."""
    scale: float
    offset: float
    """reflectance = dn * scale + offset."""
    nodata: float | None
    """As the file declares it; None where it declares none."""


@dataclass(frozen=True, kw_only=True)
class Scene:
    """One acquisition."""

    time: datetime
    name: str
    """ISO date, with the time of day where the stack has two scenes of that day; unique."""
    bands: Mapping[str, BandFile]
    """By standard band name."""


@dataclass(frozen=True, kw_only=True)
class Stack:
    """Scenes in time order on one grid."""

    source: str
    """What the user named: a folder, glob or list."""
    grid: Grid
    bands: tuple[str, ...]
    """Those that every scene has, in the sensor's order."""
    scenes: tuple[Scene, ...]
    notes: tuple[str, ...] = ()
    """What was passed over or assumed while reading, one sentence each."""

    @property
    def deciding_bands(self) -> tuple[str, ...]:
        """Those that decide if a pixel is valid, as in a mask: the land bands, or all if none."""
        return tuple(band for band in LAND_BANDS if band in self.bands) or self.bands

    @property
    def days(self) -> NDArray[np.int64]:
        """(T,) days since 1970-01-01."""
        dates = np.array([scene.time.date() for scene in self.scenes], dtype="datetime64[D]")
        return dates.astype(np.int64)
