"""What is to be masked, how, and with what."""

from dataclasses import dataclass
from pathlib import Path

from am4cm_cli.reflectances import DTYPE

BATCH = 8192
"""Pixels scored at a time by a thread, see `scores.observations.WIDTH`: with 24 dates, an array of
them is 800 kB."""

PLANES = {"cloud": 1, "unusable": 2, "reliability": 2, "classes": 3}
"""How many of a judge's planes each target and raster needs, the first ones."""


@dataclass(frozen=True, kw_only=True)
class MaskConfig:
    """How to compute and store a mask; only the method and the target change a probability."""

    method: str = "counterfactual"
    """One of `scores.METHODS`."""
    target: str = "cloud"
    """One of `classes.TARGETS`."""
    dtype: str = "uint8"
    """uint8: percent, 255 nodata. float32: 0 to 1, NaN nodata."""


@dataclass(frozen=True, kw_only=True)
class MaskFiles:
    """Rasters to write, all on the stack's grid; None for those not asked for."""

    probability: Path
    classes: Path | None = None
    reliability: Path | None = None
    attention: Path | None = None
    """The mean over heads."""
    attention_heads: Path | None = None
    """Each head by itself."""
    clear_sky: Path | None = None
    """Folder of a raster for each date."""

    @property
    def rasters(self) -> list[Path]:
        """Single ones that are asked for."""
        named = vars(self).items()
        return [path for name, path in named if path is not None and name != "clear_sky"]

    @property
    def folders(self) -> list[Path]:
        """Folders of rasters that are asked for."""
        return [] if self.clear_sky is None else [self.clear_sky]

    def dtypes(self, probability: str) -> set[str]:
        """Return the types of all rasters, one of probabilities being of this one."""
        small = {"uint8"} if self.classes or self.reliability else set()
        wide = {"float32"} if self.attention or self.attention_heads else set()
        steps = {DTYPE} if self.clear_sky else set()
        return {probability, *small, *wide, *steps}

    def planes(self, target: str) -> int:
        """How many of a judge's planes all rasters need."""
        wanted = [name for name in PLANES if vars(self).get(name) is not None]
        return max(PLANES[name] for name in [target, *wanted])

    def pixel_bytes(self, dtype: str, *, heads: int, bands: int) -> int:
        """Bytes of a pixel and date in all rasters: a probability of this dtype, and the others."""
        probability = {"uint8": 1, "float32": 4}[dtype]
        percents = sum(path is not None for path in (self.classes, self.reliability))
        mean, each = self.attention is not None, self.attention_heads is not None
        steps = 2 * bands * (self.clear_sky is not None)
        return probability + percents + 4 * (mean + heads * each) + steps

    @property
    def styles(self) -> list[Path]:
        """What tells QGIS how to draw them."""
        return [] if self.classes is None else [Path(f"{self.classes.with_suffix('')}.qml")]


@dataclass(frozen=True, kw_only=True)
class Basis:
    """A mask made before, on which another is to rest."""

    path: Path
    update: bool = False
    """Take over all dates that no change of the stack touches; else its calibration alone."""

    @property
    def option(self) -> str:
        """What a user asks for it by."""
        return "--update" if self.update else "--calibration"


@dataclass(frozen=True, kw_only=True)
class Resources:
    """What a run may take; nothing here changes a pixel."""

    max_memory: int = 2 * 10**9
    """Bytes, beyond some 0.4 GB of the program itself."""
    threads: int = 1
    """That compute; as many read."""
    tile: int | None = None
    """Side in pixels of the windows that are read; by blocks and memory if None."""
    batch: int = BATCH
    """Pixels scored at a time by a thread."""
