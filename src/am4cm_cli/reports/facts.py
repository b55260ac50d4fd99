"""What `am4cm info` tells of a stack or a mask, as facts."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class GridReport:
    """Where the pixels lie."""

    crs: str
    transform: tuple[float, ...]
    """a, b, c, d, e, f: x = a * col + b * row + c, y = d * col + e * row + f."""
    shape: tuple[int, int]
    """(Y, X)"""
    pixel_size: tuple[float, float]
    """Along X and Y, in units of the CRS."""


@dataclass(frozen=True, kw_only=True)
class BandReport:
    """One band of one scene."""

    name: str
    file: str
    index: int
    pixel_size: float
    """Along X, in units of the CRS."""
    scale: float
    offset: float
    """reflectance = dn * scale + offset."""
    scale_from: str
    offset_from: str
    """Who says so: an option, the file, a metadata file, a baseline, or nobody (as usual)."""
    nodata: float | str | None
    """"nan" for not a number, which JSON lacks; None where the file declares none."""


@dataclass(frozen=True, kw_only=True)
class ProductReport:
    """What a scene's product tells; None for what it doesn't."""

    source: str
    """A metadata file, or the name."""
    level: str | None
    baseline: str | None
    tile: str | None
    orbit: int | None
    """Relative, 1 to 143."""
    cloud_share: float | None
    """0 to 1, by the product's own account."""


@dataclass(frozen=True, kw_only=True)
class SceneReport:
    """One scene, judged by a sample of its pixels."""

    name: str
    time: str
    bands: tuple[BandReport, ...]
    product: ProductReport | None
    """None where nothing is told."""
    level_shift: float
    """In reflectance: how far all its pixels lie above those of its neighbours in time, 0.1 or a
    multiple, or below; 0 where that is not so, or cannot be told."""
    valid_share: float
    """0 to 1, of the pixels that all deciding bands show; see Stack."""
    median_reflectance: Mapping[str, float]
    """By band, of the valid pixels in which this band is valid too; empty where there are none."""
    problems: tuple[str, ...]
    """One short sentence each."""
    fills: tuple[str, ...] = ()
    """Files of other tiles, which fill what the bands' own leave."""

    @property
    def files(self) -> tuple[str, ...]:
        """Paths, each once."""
        return tuple(dict.fromkeys([*(band.file for band in self.bands), *self.fills]))


@dataclass(frozen=True, kw_only=True)
class StackReport:
    """A stack."""

    source: str
    grid: GridReport
    bands: tuple[str, ...]
    scenes: tuple[SceneReport, ...]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class MaskBandReport:
    """The mask of one scene; shares are 0 to 1, and None where nothing is valid."""

    name: str
    valid_share: float
    cloud_share: float | None
    """Of the valid pixels, those with a probability of 50 % or more."""
    mean_probability: float | None


@dataclass(frozen=True, kw_only=True)
class CalibrationReport:
    """What a mask's calibration was fitted to."""

    dates: int
    """With an answer in the sample."""
    first: str
    last: str
    """ISO days of these."""
    added: int
    """Dates of the mask that it was not fitted to."""
    refit_due: bool
    """Whether these are too many."""
    line: str
    """All this in words."""


@dataclass(frozen=True, kw_only=True)
class MaskReport:
    """A mask."""

    path: str
    version: str
    """Of the am4cm that wrote it."""
    method: str | None
    weights: str | None
    dtype: str
    grid: GridReport
    bands: tuple[MaskBandReport, ...]
    tags: Mapping[str, str]
    calibration: CalibrationReport | None = None
    """None where the mask does not tell, as those of older versions."""

    def to_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        return asdict(self)
