"""A picture of one pixel's series."""

from pathlib import Path

from am4cm_cli.explaining import PixelSeries
from am4cm_cli.files import write_bytes


def draw_pixel(series: PixelSeries, out: Path) -> None:
    """Write one pixel's series as a PNG, whole or not at all."""
    from am4cm_cli.pictures.pixel import draw_series

    write_bytes(out, draw_series(series))
