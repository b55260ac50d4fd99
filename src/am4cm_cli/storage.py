"""How GDAL is to store a raster; nothing here changes a pixel."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Storage:
    """A tiled GeoTIFF, cloud-optimised or plain."""

    overviews: bool = True
    """With smaller copies, these first, it is cloud-optimised."""
    options: Mapping[str, str] = field(default_factory=dict)
    """Creation options by upper-case name, which outweigh am4cm's own; see `rasters.creation`."""
