"""Attention masks for cloud masking.

Shapes: T dates, B bands, Y rows, X columns, P pixels, H heads, K classes, D channels.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from am4cm_cli.cube_masks import cloud_probability as cloud_probability

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Import what Python programs use when it is first asked for: it needs torch."""
    if name == "cloud_probability":
        from am4cm_cli.cube_masks import cloud_probability

        return cloud_probability
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
