"""What a user says of a stack: how to read it, and which part of it is wanted."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from am4cm_cli.errors import StackError


@dataclass(frozen=True, kw_only=True)
class Box:
    """A rectangle on the ground."""

    west: float
    south: float
    east: float
    north: float
    crs: str | None = None
    """Of the numbers, such as EPSG:4326; that of the images if None."""

    def __post_init__(self) -> None:
        """Refuse a rectangle without area, NaN included."""
        if not (self.west < self.east and self.south < self.north):
            raise StackError(
                f"Box {self.text}: expected west, south, east, north, in this order, with west "
                "below east and south below north."
            )

    @property
    def text(self) -> str:
        """As a user gives it."""
        return ",".join(f"{side:.10g}" for side in (self.west, self.south, self.east, self.north))


@dataclass(frozen=True, kw_only=True)
class StackOptions:
    """Everything that may be said of a stack beside where it is; None leaves it to the files."""

    band_names: Sequence[str] | None = None
    """Of multi-band files, in their order."""
    scale: float | None = None
    offset: float | None = None
    """reflectance = dn * scale + offset; outweigh what files say."""
    dates: Path | None = None
    """CSV of two columns, file and ISO date; outweighs names and tags."""
    first_day: date | None = None
    last_day: date | None = None
    """Scenes of these days and between are taken."""
    max_cloud: float | None = None
    """Share, 0 to 1: scenes that their metadata call cloudier are left out."""
    box: Box | None = None
    """Crops the grid to the pixels that it touches."""
    polygon: Path | None = None
    """Vector file; crops the grid to its bounds, and pixels with their centre outside don't
    count."""
    resolution: float | None = None
    """Metres: finer bands are averaged to pixels of this size."""
    align: bool = False
    """Warp what lies on another grid to that of the first scene."""
    align_to: Path | None = None
    """Raster to whose grid all is brought."""
    skip_bad: bool = False
    """Leave out scenes of files that cannot be opened, with a note; else they are an error."""

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        if self.first_day and self.last_day and self.first_day > self.last_day:
            raise StackError(
                f"From {self.first_day} to {self.last_day}: ends before it begins; swap the two."
            )
        if self.max_cloud is not None and not 0 <= self.max_cloud <= 1:
            raise StackError(
                f"Most cloud {self.max_cloud:g}: expected a share from 0 to 1, such as 0.6."
            )
        if self.align_to and self.resolution is not None:
            raise StackError(
                f"{self.align_to}: tells the resolution already; leave --resolution or --align-to "
                "away."
            )

    @property
    def warps(self) -> bool:
        """Whether rasters on other grids are brought onto the stack's."""
        return self.align or self.align_to is not None


AS_THEY_ARE = StackOptions()
"""Nothing is said."""
