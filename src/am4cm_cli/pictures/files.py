"""Pictures as files, whole or not at all; matplotlib is imported on use."""

from importlib.util import find_spec
from pathlib import Path

from am4cm_cli.errors import MissingExtraError, OutputError
from am4cm_cli.explaining import PixelSeries
from am4cm_cli.files import write_bytes
from am4cm_cli.validation.evaluating import Evaluation


def check_drawing(out: Path) -> None:
    """Make sure that a picture can be drawn, before any work is spent.

    Raises:
        MissingExtraError: matplotlib is not installed.
        OutputError: the name is not that of a PNG.
    """
    if out.suffix.lower() != ".png":
        raise OutputError(f"{out}: pictures are PNG files; expected a name that ends in .png.")
    if find_spec("matplotlib") is None:
        raise MissingExtraError(
            'Drawing needs matplotlib, which is not installed: pip install "am4cm[plots]".'
        )


def draw_curves(found: Evaluation, out: Path) -> None:
    """Write ROC, precision-recall and reliability curves."""
    from am4cm_cli.pictures.evaluation import draw_evaluation

    write_bytes(out, draw_evaluation(found))


def draw_pixel(series: PixelSeries, out: Path) -> None:
    """Write one pixel's series."""
    from am4cm_cli.pictures.pixel import draw_series

    write_bytes(out, draw_series(series))
