"""How well a model tells the classes of series apart."""

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from am4cm_cli.datasets.batches import Batch, Series, hold
from am4cm_cli.datasets.pixels import PreparedIndex, open_fold, read_index
from am4cm_cli.devices import most_exact
from am4cm_cli.errors import DataError
from am4cm_cli.memory import free_bytes
from am4cm_cli.metrics import Confusion
from am4cm_cli.models import PixelModel
from am4cm_cli.progress import Track
from am4cm_cli.ranks import Ranks
from am4cm_cli.weights import Weights

SIZE = 2048
"""Series per step."""
MEMORY_SHARE = 0.6
"""Of the free memory that series may take; the rest is for the network's steps."""


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What a model made of all series of a fold."""

    confusion: Confusion
    loss: float
    """Mean cross-entropy, without class weights."""


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Counts and ratios of the test, ready for JSON."""

    folds: tuple[int, ...]
    """Scored on."""
    series: int
    overall_accuracy: float
    mean_iou: float
    """Over the classes present or predicted."""
    f1: dict[str, float | None]
    """By class; None, as JSON has no NaN, for one neither present nor predicted."""
    iou: dict[str, float | None]
    confusion: list[list[int]]
    """Rows by true class, columns by predicted class."""

    def to_dict(self) -> dict[str, object]:
        """As JSON values."""
        return asdict(self) | {"folds": list(self.folds)}


@torch.inference_mode()
def evaluate(
    model: PixelModel, data: Series, *, classes: int, ranks: Ranks, track: Track = iter
) -> Evaluation:
    """Predict every series once, as it is, and count; the same answer on every rank.

    Args:
        model: in evaluation mode.
        data: on the ranks' device.
        classes: K.
        ranks: who shares the work.
        track: follows the batches.
    """
    pairs = torch.zeros(classes**2, dtype=torch.int64, device=ranks.device)
    loss = torch.zeros(1, dtype=most_exact(ranks.device), device=ranks.device)
    for batch in track(data.batches(ranks.share(torch.arange(len(data))), size=SIZE)):
        logits = predict(model, batch)
        pairs += torch.bincount(batch.target * classes + logits.argmax(1), minlength=classes**2)
        loss += nn.functional.cross_entropy(logits, batch.target, reduction="sum")
    counts = ranks.sum(pairs).cpu().numpy().reshape(classes, classes)
    return Evaluation(confusion=Confusion(counts), loss=ranks.sum(loss).item() / len(data))


def predict(model: PixelModel, batch: Batch) -> Tensor:
    """Class logits (P, K), in full precision."""
    logits: Tensor = model(batch.reflectance, batch.day_of_year, batch.valid).logits
    return logits


def score_fold(weights: Weights, folder: Path, fold: int, *, ranks: Ranks, track: Track) -> Scores:
    """Score weights on one fold of a prepared folder.

    Raises:
        DataError: the folder is not prepared data, has no such fold or no series in it, or has
            other bands or classes than the weights.
    """
    index = read_index(folder)
    series = open_fold(folder, fold)
    _check(folder, index, weights)
    if not len(series.target):
        raise DataError(f"{folder}: no series in fold {fold}. Choose another --fold.")
    data = hold([series], ranks.device, most=memory_for_series(ranks))
    model = weights.model.to(ranks.device).eval()
    found = evaluate(model, data, classes=len(index.classes), ranks=ranks, track=track)
    return scores(found.confusion, index.classes, folds=(fold,))


def memory_for_series(ranks: Ranks) -> int:
    """Bytes of the device that each rank may fill with series."""
    sharing = 1 if ranks.device.type == "cuda" else ranks.local_count
    return int(MEMORY_SHARE * free_bytes(ranks.device) / sharing)


def _check(folder: Path, index: PreparedIndex, weights: Weights) -> None:
    config = weights.model.config
    for name, theirs, ours in (
        ("bands", index.bands, config.bands),
        ("classes", index.classes, config.classes),
    ):
        if theirs != ours:
            raise DataError(
                f"{folder}: has the {name} {', '.join(theirs)}; weights {weights.name} expect "
                f"{', '.join(ours)}, in this order. Choose weights trained on such data."
            )


def scores(confusion: Confusion, classes: tuple[str, ...], *, folds: tuple[int, ...]) -> Scores:
    """Work out the ratios of some counts."""
    return Scores(
        folds=folds,
        series=int(confusion.counts.sum()),
        overall_accuracy=confusion.accuracy,
        mean_iou=confusion.mean_iou,
        f1=_by_class(classes, confusion.f1),
        iou=_by_class(classes, confusion.iou),
        confusion=confusion.counts.tolist(),
    )


def _by_class(classes: tuple[str, ...], ratios: NDArray[np.float64]) -> dict[str, float | None]:
    known = [None if np.isnan(ratio) else float(ratio) for ratio in ratios]
    return dict(zip(classes, known, strict=True))
