"""The report of weights that `am4cm train` has just written."""

import csv
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from am4cm_cli.datasets.batches import hold
from am4cm_cli.datasets.pixels import open_fold
from am4cm_cli.evaluation import SIZE, memory_for_series
from am4cm_cli.metrics import Confusion
from am4cm_cli.progress import Track
from am4cm_cli.ranks import Ranks
from am4cm_cli.reports.seasons import attention_over_year
from am4cm_cli.reports.training import TrainingReport
from am4cm_cli.training.history import Epoch
from am4cm_cli.weights import Weights, load_weights


def report_weights(
    path: Path, log: Path, folder: Path, *, ranks: Ranks, track: Track = iter
) -> TrainingReport:
    """Gather the report of one training from its files; one rank is enough.

    Args:
        path: of the weights, whose record tells folds and confusion.
        log: of the epochs, as CSV.
        folder: of prepared data; its test fold is run through the model once more.
        ranks: whose device to use.
        track: follows the batches.
    """
    weights = load_weights(path)
    scores, rotation = weights.record["scores"], weights.record["rotation"]
    return TrainingReport(
        title=f"Training of {weights.name}, test fold {rotation['test']}",
        classes=weights.model.config.classes,
        epochs=read_log(log),
        test=Confusion(np.array(scores["confusion"], dtype=np.int64)),
        attention=_attention(weights, folder, rotation["test"], ranks=ranks, track=track),
        facts={
            "Data": str(folder),
            "Trained on folds": ", ".join(map(str, rotation["train"])),
            "Validated on fold": str(rotation["validation"]),
            "Epoch kept": f"{rotation['epoch']} of {len(weights.record['losses'])}",
            **{
                name.replace("_", " ").capitalize(): str(value)
                for name, value in weights.record["training"].items()
            },
        },
    )


def read_log(path: Path) -> tuple[Epoch, ...]:
    """Read what `write_log` wrote."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return tuple(
        Epoch(epoch=int(row.pop("epoch")), **{name: float(value) for name, value in row.items()})
        for row in rows
    )


def _attention(
    weights: Weights, folder: Path, fold: int, *, ranks: Ranks, track: Track
) -> NDArray[np.float64]:
    series = hold([open_fold(folder, fold)], ranks.device, most=memory_for_series(ranks))
    model = weights.model.to(ranks.device).eval()
    batches = series.batches(torch.arange(len(series)), size=SIZE)
    return attention_over_year(model, track(batches), classes=len(weights.model.config.classes))
