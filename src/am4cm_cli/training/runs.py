"""A training from prepared data to weights."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from am4cm_cli import __version__
from am4cm_cli.datasets.batches import Series, batch_count, hold
from am4cm_cli.datasets.pixels import SCALE, PixelSeries, PreparedIndex, open_fold, read_index
from am4cm_cli.errors import DataError
from am4cm_cli.evaluation import evaluate, memory_for_series, scores
from am4cm_cli.metrics import Confusion
from am4cm_cli.models import PixelModel, build
from am4cm_cli.progress import Track
from am4cm_cli.ranks import Ranks
from am4cm_cli.training.checkpoints import has_checkpoint, restore, save_checkpoint
from am4cm_cli.training.config import TrainConfig
from am4cm_cli.training.fitting import State, Task, fit, kept_epoch, new_state
from am4cm_cli.training.history import Epoch
from am4cm_cli.training.rotations import Rotation, rotation
from am4cm_cli.training.statistics import band_statistics, logit_spread
from am4cm_cli.weights import Calibration, Weights

Follow = Callable[[Sequence[Epoch]], None]
"""Is told of all epochs so far after each of them, on the first rank."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """Where and how a training runs; nothing of it changes the weights."""

    ranks: Ranks
    memory: int | None = None
    """Bytes that the series of each of training, validation and test may take on the device;
    beyond, they are streamed from the files. None: a share of what is free."""
    checkpoint: Path | None = None
    """Folder to put the training aside in after every epoch, or to go on from if it has one."""
    track: Track = iter
    follow: Follow | None = None

    def hold(self, parts: Sequence[PixelSeries]) -> Series:
        """Bring series to the device, or near it."""
        most = memory_for_series(self.ranks) if self.memory is None else self.memory
        return hold(parts, self.ranks.device, most=most)


@dataclass(frozen=True, kw_only=True)
class Trained:
    """What came of a training."""

    weights: Weights
    """Of the epoch that was kept."""
    rotation: Rotation
    history: tuple[Epoch, ...]
    confusion: Confusion
    """Of the test fold."""


def train_fold(folder: Path, fold: int, config: TrainConfig, run: Run) -> Trained:
    """Train one turn of the folds: choose the epoch by its validation fold, score its test fold.

    Every rank returns the same.

    Args:
        folder: made by `am4cm prepare`.
        fold: the first of those to train on; see `rotations`.
        config: how.
        run: where.

    Raises:
        DataError: the folder is not prepared data, or its folds or series are too few.
        WeightsError: the checkpoint is of other settings or data, or damaged.
        Am4cmError: the loss has become infinite.
    """
    index = read_index(folder)
    turn = rotation(folder, index, fold)
    parts = [open_fold(folder, number) for number in turn.train]
    _check_size(folder, parts, config, run.ranks)
    mean, covariance = band_statistics(parts)
    model = _new_model(index, config, mean, covariance).to(run.ranks.device)
    facts = {
        "settings": asdict(config),
        "rotation": asdict(turn),
        "data": asdict(index) | {"mean": mean.tolist(), "covariance": covariance.tolist()},
    }
    task = Task(
        train=run.hold(parts),
        validation=run.hold([open_fold(folder, turn.validation)]),
        classes=len(index.classes),
        config=config,
        ranks=run.ranks,
    )
    state = new_state(model, config)
    _fit(state, task, run, facts)
    calibration = Calibration(
        logit_sd=logit_spread(model, task.train),
        band_covariance=tuple(map(tuple, covariance.tolist())),
    )
    test = run.hold([open_fold(folder, turn.test)])
    found = evaluate(model, test, classes=task.classes, ranks=run.ranks)
    record = _record(index, turn, config, state.history, found.confusion)
    return Trained(
        weights=Weights(model=model, calibration=calibration, record=record),
        rotation=turn,
        history=tuple(state.history),
        confusion=found.confusion,
    )


def _fit(state: State, task: Task, run: Run, facts: dict[str, Any]) -> None:
    """Train from the checkpoint, if there is one, to the end; keep the epoch that is to be kept."""
    if run.checkpoint and has_checkpoint(run.checkpoint):
        restore(run.checkpoint, state, facts)

    def after(state: State) -> None:
        if run.checkpoint:
            save_checkpoint(run.checkpoint, state, facts)
        if run.follow:
            run.follow(state.history)

    if run.ranks.first:
        fit(state, task, track=run.track, after=after)
    else:
        fit(state, task)
    if kept_epoch(state.history, task.config) != len(state.history):
        state.model.load_state_dict(state.best)


def _check_size(
    folder: Path, parts: Sequence[PixelSeries], config: TrainConfig, ranks: Ranks
) -> None:
    series = sum(len(part.target) for part in parts)
    smallest = series // batch_count(series, size=config.batch)
    if smallest < ranks.count:
        raise DataError(
            f"{folder}: the smallest of the batches that its {series} series make has {smallest}; "
            f"expected one for each of {ranks.count} processes. Start fewer, or raise --batch."
        )


def _new_model(
    index: PreparedIndex,
    config: TrainConfig,
    mean: NDArray[np.float64],
    covariance: NDArray[np.float64],
) -> PixelModel:
    # On the CPU: every rank and device begins alike. Torch takes no longer seeds.
    torch.manual_seed(config.seed % 2**63)
    # A band that never changes tells nothing, and must not be divided by nothing.
    std = np.sqrt(np.diag(covariance)).clip(SCALE)
    return build(
        config.model,
        bands=index.bands,
        mean=tuple(mean.tolist()),
        std=tuple(std.tolist()),
        classes=index.classes,
    )


def _record(
    index: PreparedIndex,
    turn: Rotation,
    config: TrainConfig,
    history: list[Epoch],
    confusion: Confusion,
) -> dict[str, Any]:
    """What the weights file and the metrics file say of the training; the same for the same."""
    return {
        "training": asdict(config),
        "rotation": {
            "train": list(turn.train),
            "validation": turn.validation,
            "test": turn.test,
            "epoch": kept_epoch(history, config),
        },
        "data": asdict(index),
        "losses": [epoch.train_loss for epoch in history],
        "validation": [
            {
                "loss": epoch.validation_loss,
                "overall_accuracy": epoch.validation_accuracy,
                "mean_iou": epoch.validation_mean_iou,
            }
            for epoch in history
        ],
        "scores": scores(confusion, index.classes, folds=(turn.test,)).to_dict(),
        "versions": {"am4cm": __version__, "torch": torch.__version__},
    }
