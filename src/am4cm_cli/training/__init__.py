"""Training of pixel models on prepared series.

From the bottom up: config, rotations, schedule, augmentation, history; statistics, fitting,
checkpoints; runs (a turn of the folds to weights), boards, outputs (the same with its files).
"""

from am4cm_cli.training.config import TrainConfig
from am4cm_cli.training.history import Epoch
from am4cm_cli.training.outputs import Place, Pooled, metrics_json, train_all_folds, train_file
from am4cm_cli.training.rotations import Rotation, rotation, rotations
from am4cm_cli.training.runs import Run, Trained, train_fold

__all__ = [
    "Epoch",
    "Place",
    "Pooled",
    "Rotation",
    "Run",
    "TrainConfig",
    "Trained",
    "metrics_json",
    "rotation",
    "rotations",
    "train_all_folds",
    "train_file",
    "train_fold",
]
