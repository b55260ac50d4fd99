"""What a product tells of a scene beside its pixels, from metadata or from its name."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from am4cm_cli.stacks.dates import Moment


@dataclass(frozen=True, kw_only=True)
class Product:
    """Facts of one product; None, or nothing, for what is not told."""

    source: str
    """Where they are from, for messages: a metadata file, a STAC item, a name."""
    level: str | None = None
    """L1C, top of the atmosphere, or L2A, at the surface."""
    baseline: str | None = None
    """Of the processing, such as 05.11."""
    moment: Moment | None = None
    tile: str | None = None
    """Such as T31UFQ."""
    orbit: int | None = None
    """Relative, 1 to 143."""
    cloud_share: float | None = None
    """0 to 1, as the metadata says."""
    scales: Mapping[str, float] = field(default_factory=dict)
    """By band; with `offsets`, reflectance = dn * scale + offset."""
    offsets: Mapping[str, float] = field(default_factory=dict)
    """By band, in reflectance."""
    nodata: float | None = None
    """Of all bands."""
