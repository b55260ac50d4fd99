"""What a product tells of a scene beside its pixels, from metadata or from its name."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from am4cm_cli.stacks.dates import Moment

OFFSET_SINCE = 4.0
"""The processing baseline whose products, and all later ones, carry an offset of -0.1."""
OWN_PROCESSING = 90.0
"""Baselines from here on, as 99.99, are those of products that users processed themselves."""


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
    has_own_chain: bool = False
    """Whether THEIA or FORCE made the numbers, whose own chains leave no offset in them."""

    @property
    def has_offset(self) -> bool | None:
        """What the baseline says of an offset; None where there is none, or it says nothing."""
        number = float(self.baseline) if self.baseline else OWN_PROCESSING
        return None if number >= OWN_PROCESSING else number >= OFFSET_SINCE
