"""Two processes train as one does."""

import csv
import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from am4cm_cli.errors import Am4cmError
from am4cm_cli.ranks import Ranks, join_ranks
from am4cm_cli.training import Place, Run, TrainConfig, train_file
from am4cm_cli.weights import load_weights
from prepared_folds import write_folds

OPTIONS = {"epochs": 3, "batch": 30, "noise": 0.01, "drop_bands": 0.3, "label_smoothing": 0.1}


@pytest.mark.long
def test_two_processes_have_the_losses_and_the_weights_of_one(tmp_path):
    write_folds(tmp_path / "data", series=41)
    options = {f"--{name.replace('_', '-')}": value for name, value in OPTIONS.items()}
    words = [word for pair in options.items() for word in map(str, pair)]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command = [
        *torchrun,
        "--nproc-per-node",
        "2",
        "-m",
        "am4cm_cli",
        "train",
        "data",
        "two.safetensors",
    ]
    found = subprocess.run(
        [*command, *words, "--class-weights", "balanced", "--device", "cpu"],
        cwd=tmp_path,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    assert found.stderr.count("Wrote two.safetensors") == 1
    config = TrainConfig(**OPTIONS, class_weights="balanced")
    run = Run(ranks=Ranks(device=torch.device("cpu")))
    alone = train_file(tmp_path / "data", 1, config, run, Place(out=tmp_path / "one.safetensors"))
    ours, theirs = (read_log(tmp_path / name) for name in ("one.csv", "two.csv"))
    for name, tolerance in {"train_loss": 1e-6, "validation_loss": 1e-4}.items():
        np.testing.assert_allclose(column(ours, name), column(theirs, name), rtol=tolerance)
    assert column(ours, "validation_mean_iou") == column(theirs, "validation_mean_iou")
    assert len(ours) == 3
    assert sum(alone.confusion.counts.ravel()) == 41
    together = load_weights(tmp_path / "two.safetensors")
    assert together.record["scores"] == alone.weights.record["scores"]
    expected = alone.weights.model.state_dict()
    for name, tensor in together.model.state_dict().items():
        # The schedule moves them by up to 0.03; biases before a normalisation wander a little.
        torch.testing.assert_close(tensor, expected[name], rtol=1e-5, atol=1e-3)


def read_log(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def column(rows, name):
    return [float(row[name]) for row in rows]


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_the_parts_of_all_ranks_are_the_whole(count):
    parts = [
        Ranks(device=torch.device("cpu"), rank=rank, count=count).share(torch.arange(17))
        for rank in range(count)
    ]
    assert torch.cat(parts).tolist() == list(range(17))


def test_alone_there_is_nothing_to_sum():
    with join_ranks("cpu") as ranks:
        assert ranks.first
        assert ranks.sum(torch.tensor([2.5])).tolist() == [2.5]


@pytest.mark.skipif(torch.cuda.device_count() >= 2, reason="there are GPUs enough")
def test_a_gpu_for_each_rank_or_a_clear_error(monkeypatch):
    for name, value in {"RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MASTER_ADDR", "localhost")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    with pytest.raises(Am4cmError, match="--device cuda"), join_ranks("cuda"):
        pass
