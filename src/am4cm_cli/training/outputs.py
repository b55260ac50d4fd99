"""Trainings that write their files: weights, metrics, log and checkpoint."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from am4cm_cli.datasets.pixels import PreparedIndex, read_index
from am4cm_cli.errors import OutputError, WeightsError
from am4cm_cli.evaluation import Scores, scores
from am4cm_cli.files import check_output, write_text
from am4cm_cli.metrics import Confusion
from am4cm_cli.training.boards import Board
from am4cm_cli.training.checkpoints import (
    checkpoint_folder,
    differences,
    has_checkpoint,
    remove_checkpoint,
)
from am4cm_cli.training.config import TrainConfig
from am4cm_cli.training.history import Epoch, write_log
from am4cm_cli.training.rotations import rotations
from am4cm_cli.training.runs import Run, Trained, train_fold
from am4cm_cli.weights import Weights, load_weights, save_weights


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where the files of one training go, and what may be there already."""

    out: Path
    """The weights; the other files take their name."""
    overwrite: bool = False
    resume: bool = False
    tensorboard: Path | None = None
    """Folder for TensorBoard."""

    @property
    def checkpoint(self) -> Path:
        """Hidden, beside the weights."""
        return checkpoint_folder(self.out)

    @property
    def resumes(self) -> bool:
        """Whether there is something to go on with, and it is wanted."""
        return self.resume and has_checkpoint(self.checkpoint)

    @property
    def metrics(self) -> Path:
        """The record of the training as JSON."""
        return self.out.with_suffix(".metrics.json")

    @property
    def log(self) -> Path:
        """A line per epoch."""
        return self.out.with_suffix(".csv")

    def of_fold(self, fold: int) -> "Place":
        """Beside this one, for one of several turns."""
        board = self.tensorboard and self.tensorboard / f"fold{fold}"
        out = self.out.with_stem(f"{self.out.stem}-fold{fold}")
        return replace(self, out=out, tensorboard=board)

    def check(self) -> None:
        """Raise OutputError if the files cannot be written, before any work is spent on them."""
        # First: the log of an interrupted training is there too, and tells nothing of --resume.
        if has_checkpoint(self.checkpoint) and not self.overwrite and not self.resume:
            raise OutputError(
                f"{self.checkpoint}: an interrupted training of {self.out.name} is there; go on "
                "with it by --resume, or give it up by --overwrite."
            )
        for path in (self.out, self.metrics, self.log):
            check_output(path, overwrite=self.overwrite or self.resumes)


def train_file(folder: Path, fold: int, config: TrainConfig, run: Run, place: Place) -> Trained:
    """Train one turn of the folds, and write it.

    Args:
        folder: made by `am4cm prepare`.
        fold: the first of those to train on.
        config: how.
        run: where; its checkpoint and follower are this function's.
        place: of the files.

    Raises:
        OutputError: a file cannot be written, or is there already.
        Am4cmError: as `train_fold` does.
    """
    place.check()
    run.ranks.wait()  # what one rank writes, another must not find and refuse
    with Board(place.tensorboard if run.ranks.first else None) as board:
        if run.ranks.first and not place.resume:
            remove_checkpoint(place.checkpoint)
        run.ranks.wait()

        def follow(history: Sequence[Epoch]) -> None:
            write_log(place.log, history)
            board.add(history[-1])

        run = replace(run, checkpoint=place.checkpoint, follow=follow)
        trained = train_fold(folder, fold, config, run)
    if run.ranks.first:
        write_log(place.log, trained.history)
        save_weights(place.out, trained.weights)
        write_text(place.metrics, metrics_json(trained.weights))
        remove_checkpoint(place.checkpoint)
    return trained


@dataclass(frozen=True, kw_only=True)
class Pooled:
    """All turns of the folds together: each fold is tested once."""

    scores: Scores
    """Of the test folds' counts, summed before any ratio."""
    weights: tuple[Path, ...]
    """One file per turn."""


def train_all_folds(folder: Path, config: TrainConfig, run: Run, place: Place) -> Pooled:
    """Train every turn of the folds, write each, and pool their counts as PASTIS's benchmark does.

    With `place.resume`, turns whose weights are there are not trained again.

    Raises:
        OutputError: a file cannot be written, or is there already.
        Am4cmError: as `train_fold` does.
    """
    index = read_index(folder)
    places = {fold: place.of_fold(fold) for fold in rotations(folder, index)}
    done = {fold: _finished(one, index, config) for fold, one in places.items()}
    check_output(place.metrics, overwrite=place.overwrite)
    for fold, one in places.items():
        if done[fold] is None:
            one.check()
    run.ranks.wait()
    total = Confusion(np.zeros((len(index.classes),) * 2, dtype=np.int64))
    for fold, one in places.items():
        known = done[fold]
        total += known or train_file(folder, fold, config, run, one).confusion
    tested = tuple(turn.test for turn in rotations(folder, index).values())
    pooled = Pooled(
        scores=scores(total, index.classes, folds=tested),
        weights=tuple(one.out for one in places.values()),
    )
    if run.ranks.first:
        write_text(place.metrics, _pooled_json(pooled, index, config))
    return pooled


def _finished(place: Place, index: PreparedIndex, config: TrainConfig) -> Confusion | None:
    """Counts of a turn that an interrupted run has finished; None if there is none to reuse.

    Raises:
        WeightsError: the weights there are of other settings or data.
    """
    if not place.resume or place.resumes or not place.out.is_file():
        return None
    record = load_weights(place.out).record
    ours = {"training": asdict(config), "data": asdict(index)}
    found = differences({name: record.get(name, {}) for name in ours}, ours)
    if found:
        raise WeightsError(
            f"{place.out}: is of another training: {'; '.join(found)}. Resume with the same "
            "settings and data, remove it, or choose another name."
        )
    return Confusion(np.array(record["scores"]["confusion"], dtype=np.int64))


def metrics_json(weights: Weights) -> str:
    """The training record as JSON, for the file beside the weights."""
    return _json(weights.record)


def _pooled_json(pooled: Pooled, index: PreparedIndex, config: TrainConfig) -> str:
    return _json(
        {
            "training": asdict(config),
            "data": asdict(index),
            "weights": [path.name for path in pooled.weights],
            "scores": pooled.scores.to_dict(),
        }
    )


def _json(record: Mapping[str, Any]) -> str:
    return json.dumps(record, indent=1) + "\n"
