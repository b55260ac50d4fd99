"""What each epoch came to."""

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from io import StringIO
from pathlib import Path

from am4cm_cli.files import write_text


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """One line of the log; numbered from 1."""

    epoch: int
    train_loss: float
    """Mean over the steps, of hardened series."""
    validation_loss: float
    """Mean over the series, as they are."""
    validation_accuracy: float
    """Overall, 0 to 1."""
    validation_mean_iou: float
    """0 to 1."""
    learning_rate: float
    """Of the last step."""
    series_per_second: float
    """Trained on, by all processes together."""


def write_log(path: Path, history: Sequence[Epoch]) -> None:
    """Write the log as CSV, whole."""
    text = StringIO()
    table = csv.DictWriter(text, [field.name for field in fields(Epoch)], lineterminator="\n")
    table.writeheader()
    table.writerows(asdict(epoch) for epoch in history)
    write_text(path, text.getvalue())
