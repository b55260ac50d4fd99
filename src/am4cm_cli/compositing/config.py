"""What a composite is to be."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

METHODS = ("median", "best")
"""Of the clear observations of a pixel: band by band the one in the middle; or a single one."""


@dataclass(frozen=True, kw_only=True)
class CompositeConfig:
    """What decides a composite's pixels."""

    method: str = "median"
    """One of METHODS."""
    threshold: float = 50
    """Percent of probability, from which on an observation is not clear."""
    dilate: int = 0
    """Pixels around such observations that are not clear either."""
    around: date | None = None
    """The best observation is near this day; near the middle of all scenes if None."""


@dataclass(frozen=True, kw_only=True)
class CompositeFiles:
    """Rasters to write; None for those not asked for."""

    composite: Path
    count: Path | None = None
    date: Path | None = None

    @property
    def named(self) -> dict[str, Path]:
        """Those that are asked for, by field."""
        return {name: path for name, path in vars(self).items() if path is not None}

    @property
    def rasters(self) -> list[Path]:
        """Those that are asked for."""
        return [*self.named.values()]
