"""What a shell completes where it is neither a file nor one of a few fixed words."""

from am4cm_cli.published import PUBLISHED
from am4cm_cli.sensors import BAND_METRES

DEVICES = ("auto", "cpu", "cuda", "mps")


def complete_bands(incomplete: str) -> list[str]:
    """The next of a comma-separated list of bands; each is named once."""
    before, comma, _ = incomplete.rpartition(",")
    named = before.split(",")
    return [f"{before}{comma}{band}" for band in BAND_METRES if band not in named]


def complete_weights() -> list[tuple[str, str]]:
    """Weights that come with am4cm; files are completed where none of them fits."""
    return [(name, "comes with am4cm") for name in PUBLISHED]


def complete_device() -> list[str]:
    """Devices by kind."""
    return list(DEVICES)
