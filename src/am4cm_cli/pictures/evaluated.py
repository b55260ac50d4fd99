"""A picture of how good a mask is."""

from importlib.util import find_spec
from pathlib import Path

from am4cm_cli.errors import MissingExtraError
from am4cm_cli.files import write_bytes
from am4cm_cli.validation.evaluating import Evaluation


def check_drawing() -> None:
    """Raise MissingExtraError if matplotlib is not installed, before any work is spent."""
    if find_spec("matplotlib") is None:
        raise MissingExtraError(
            'Drawing needs matplotlib, which is not installed: pip install "am4cm[plots]".'
        )


def draw_curves(found: Evaluation, out: Path) -> None:
    """Write ROC, precision-recall and reliability curves as a PNG, whole or not at all."""
    from am4cm_cli.pictures.evaluation import draw_evaluation

    write_bytes(out, draw_evaluation(found))
