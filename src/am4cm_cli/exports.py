"""What is to be made of a finished mask."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Zones:
    """Polygons to count clouds in."""

    path: Path
    field: str | None = None
    """Whose values name the zones, equal ones together; where None, they are numbered from 1."""


@dataclass(frozen=True, kw_only=True)
class Exports:
    """Outputs beside a mask; None for those not asked for."""

    split: Path | None = None
    """Folder of one raster per date."""
    binary: Path | None = None
    """Raster of 0 clear, 1 masked, 255 nodata."""
    threshold: float = 50
    """Percent, from which on a pixel is masked, or counted as cloudy."""
    dilate: int = 0
    """Pixels around what is masked that are masked, too."""
    table: Path | None = None
    """CSV or Parquet of cloud shares."""
    zones: Zones | None = None
    """Of the table; the whole raster where None."""
    stac: Path | None = None
    """Folder of a static STAC collection."""
    style: Path | None = None
    """QGIS style of the mask."""

    @property
    def files(self) -> list[Path]:
        """Files that are asked for."""
        named = [self.binary, self.binary_style, self.table, self.style]
        return [path for path in named if path is not None]

    @property
    def folders(self) -> list[Path]:
        """Folders that are asked for."""
        return [path for path in (self.split, self.stac) if path is not None]

    @property
    def dtypes(self) -> set[str]:
        """Types of rasters that are none of the mask's own."""
        return set() if self.binary is None else {"uint8"}

    @property
    def binary_style(self) -> Path | None:
        """QGIS style of the binary raster, beside it."""
        return None if self.binary is None else style_path(self.binary)


def style_path(raster: Path) -> Path:
    """Where QGIS looks for the style of a raster."""
    return Path(f"{raster.with_suffix('')}.qml")
