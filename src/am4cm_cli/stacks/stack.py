"""Scenes of one place on one grid, as facts; finding them is `discovery`'s work."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS

from am4cm_cli.sensors import LAND_BANDS
from am4cm_cli.stacks.products import Product


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
    dtype: str
    """numpy's name of the stored numbers' type."""
    block: tuple[int, int]
    """(Y, X) pixels of the stack's grid that are stored, and decoded, together."""
    scale: float
    offset: float
    """reflectance = dn * scale + offset."""
    nodata: float | None
    """As the file declares it; None where it declares none."""
    slab: int = 0
    """Bands of one file with the same number are decoded together, whichever scenes they are of."""


@dataclass(frozen=True, kw_only=True)
class Scene:
    """One acquisition."""

    time: datetime
    name: str
    """ISO date, with the time of day where the stack has two scenes of that day; unique."""
    bands: Mapping[str, BandFile]
    """By standard band name."""
    product: Product | None = None
    """What is told beside the pixels."""


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

    def number_type(self, bands: Sequence[str]) -> np.dtype[Any]:
        """The type that holds all numbers of these bands: uint16, int16 or float32."""
        types = {np.dtype(scene.bands[band].dtype) for scene in self.scenes for band in bands}
        fit = (np.dtype(np.uint16), np.dtype(np.int16))
        whole = {kind for kind in types if kind.kind in "iu"} == types
        return next(
            (kind for kind in fit if whole and all(np.can_cast(own, kind) for own in types)),
            np.dtype(np.float32),
        )

    def scales(self, bands: Sequence[str]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Scale and offset, (T, B) each: reflectance = dn * scale + offset."""
        files = [[scene.bands[band] for band in bands] for scene in self.scenes]
        scale = np.array([[file.scale for file in row] for row in files], np.float32)
        offset = np.array([[file.offset for file in row] for row in files], np.float32)
        return scale, offset

    def block(self, bands: Sequence[str]) -> tuple[int, int]:
        """(Y, X) pixels of the largest block of these bands along each axis."""
        blocks = [scene.bands[band].block for scene in self.scenes for band in bands]
        height, width = (max(sides) for sides in zip(*blocks, strict=True))
        return min(height, self.grid.shape[0]), min(width, self.grid.shape[1])

    @property
    def days(self) -> NDArray[np.int64]:
        """(T,) days since 1970-01-01."""
        dates = np.array([scene.time.date() for scene in self.scenes], dtype="datetime64[D]")
        return dates.astype(np.int64)
