"""Scenes of one place on one grid, as facts; finding them is `discovery`'s work."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS

from am4cm_cli.sensors import LAND_BANDS
from am4cm_cli.stacks.areas import Area
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
    """Side of this band's pixels in pixels that are read, those of the stack's grid unless its
    scenes shrink: 2 for a 20 m band at 10 m."""
    dtype: str
    """numpy's name of the stored numbers' type."""
    block: tuple[int, int]
    """(Y, X) pixels of the stack's grid that are stored, and decoded, together."""
    scale: float
    offset: float
    """reflectance = dn * scale + offset."""
    nodata: float | None
    """As the file or its product declares it; None where neither does."""
    scale_from: str = ""
    offset_from: str = ""
    """Who says so: an option, the file, a metadata file, a baseline, nobody; for reports."""
    masked: bool = False
    """Whether a mask beside the file's bands tells which pixels are valid."""
    alpha: int | None = None
    """Number of the file's band that is 0 where nothing was observed."""
    origin: tuple[int, int] = (0, 0)
    """(row, col) of the stack's first pixel from the file's first, in pixels that are read."""
    onto: Grid | None = None
    """Grid of pixels that are read, onto which the file is warped; None where it lies on them."""
    held: int = 0
    """Bytes that are held while its file is open."""
    slab: int | None = None
    """Bands of a cube with the same number are decoded together, whichever scenes they are of;
    None of other files."""

    def paths(self) -> list[Path]:
        """Files that decide its numbers: its own, and that of a mask beside it."""
        beside = Path(f"{self.path}.msk")
        return [self.path, beside] if self.masked and beside.exists() else [self.path]

    @property
    def is_usual(self) -> bool:
        """Whether the file's pixels are the stack's, no more and no fewer, without a mask."""
        told = self.masked or self.alpha is not None
        return self.origin == (0, 0) and self.onto is None and not told


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
    fills: tuple[Mapping[str, BandFile], ...] = ()
    """Other tiles of the acquisition; each fills what those before it leave not valid."""
    shrink: int = 1
    """Side of the stack's pixels in pixels that are read, and averaged."""
    area: Area | None = None
    """Pixels of the stack that count; all if None."""
    unreadable: bool = False
    """Whether some of its files cannot be read: then all of its pixels are as nodata."""

    @property
    def tiles(self) -> tuple[Mapping[str, BandFile], ...]:
        """Where its pixels are, the first to be looked at first."""
        return self.bands, *self.fills

    @property
    def paths(self) -> set[Path]:
        """Of all files that decide its numbers."""
        return {path for file in self.files() for path in file.paths()}

    def files(self, bands: Collection[str] | None = None) -> list[BandFile]:
        """Those of some bands; all if None."""
        return [tile[band] for tile in self.tiles for band in bands or tile]


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
    def level(self) -> str | None:
        """L1C or L2A, where any scene tells; they all have the same."""
        levels = (scene.product.level for scene in self.scenes if scene.product)
        return next(filter(None, levels), None)

    @property
    def paths(self) -> set[Path]:
        """Of all files that are to be read."""
        return {path for scene in self.scenes if not scene.unreadable for path in scene.paths}

    @property
    def deciding_bands(self) -> tuple[str, ...]:
        """Those that decide if a pixel is valid, as in a mask: the land bands, or all if none."""
        return tuple(band for band in LAND_BANDS if band in self.bands) or self.bands

    def files(self, bands: Collection[str] | None = None) -> list[BandFile]:
        """Those of some bands of all scenes; all if None."""
        return [file for scene in self.scenes for file in scene.files(bands)]

    def held(self, bands: Sequence[str]) -> int:
        """Bytes that are held at most while a file with one of these bands is open."""
        return max(file.held for file in self.files(bands))

    def number_type(self, bands: Sequence[str]) -> np.dtype[Any]:
        """The type that holds all numbers of these bands: uint16, int16 or float32."""
        types = {np.dtype(file.dtype) for file in self.files(bands)}
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
        blocks = [file.block for file in self.files(bands)]
        height, width = (max(sides) for sides in zip(*blocks, strict=True))
        return min(height, self.grid.shape[0]), min(width, self.grid.shape[1])

    @property
    def days(self) -> NDArray[np.int64]:
        """(T,) days since 1970-01-01."""
        dates = np.array([scene.time.date() for scene in self.scenes], dtype="datetime64[D]")
        return dates.astype(np.int64)
