"""A training that stops goes on to the same weights, or says why it cannot."""

import json
from dataclasses import replace

import pytest
import torch

from am4cm_cli.errors import OutputError, WeightsError
from am4cm_cli.ranks import Ranks
from am4cm_cli.training import Place, Run, TrainConfig, train_all_folds, train_file
from am4cm_cli.training.checkpoints import checkpoint_folder
from prepared_folds import write_folds

RUN = Run(ranks=Ranks(device=torch.device("cpu")))
QUICK = TrainConfig(epochs=3, batch=16, noise=0.01)


class StoppedError(Exception):
    """Stands for a kill."""


@pytest.fixture
def folder(tmp_path):
    write_folds(tmp_path / "data", folds=4)
    return tmp_path / "data"


def stop_after(epochs, *, per_epoch):
    """A tracker that dies amid the epoch after so many."""

    def track(steps):
        for number, step in enumerate(steps):
            if number == epochs * per_epoch + 1:
                raise StoppedError
            yield step

    return track


def stopped(folder, out, *, epochs=2, config=QUICK, **changes):
    """Leave a checkpoint of a training of fold 1: 80 series, five steps an epoch."""
    run = replace(RUN, track=stop_after(epochs, per_epoch=5))
    with pytest.raises(StoppedError):
        train_file(folder, 1, config, run, Place(out=out, **changes))
    return checkpoint_folder(out)


def test_resumed_weights_are_the_uninterrupted_ones_to_the_bit(folder, tmp_path):
    whole, out = tmp_path / "a" / "w.safetensors", tmp_path / "b" / "w.safetensors"
    whole.parent.mkdir()
    out.parent.mkdir()
    train_file(folder, 1, QUICK, RUN, Place(out=whole))
    checkpoint = stopped(folder, out)
    # What a kill amid the next writing would leave.
    (checkpoint / ".epoch-3.1-ff.safetensors").write_bytes(b"half")
    assert [path.name for path in out.parent.iterdir() if path != checkpoint] == ["w.csv"]
    train_file(folder, 1, QUICK, RUN, Place(out=out, resume=True))
    assert out.read_bytes() == whole.read_bytes()
    names = ["w.csv", "w.metrics.json", "w.safetensors"]
    assert sorted(path.name for path in out.parent.iterdir()) == names
    assert len(out.with_suffix(".csv").read_text().splitlines()) == 1 + 3


def test_the_first_epoch_may_be_the_best_and_is_kept_through_a_stop(folder, tmp_path):
    rough = replace(QUICK, rate=0.3, epochs=4)
    whole, out = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    train_file(folder, 1, rough, RUN, Place(out=whole))
    stopped(folder, out, epochs=3, config=rough)
    train_file(folder, 1, rough, RUN, Place(out=out, resume=True))
    assert out.read_bytes() == whole.read_bytes()


def test_resuming_without_a_checkpoint_begins(folder, tmp_path):
    out = tmp_path / "w.safetensors"
    train_file(folder, 1, replace(QUICK, epochs=1), RUN, Place(out=out, resume=True))
    assert out.exists()


def test_a_checkpoint_in_the_way_is_told(folder, tmp_path):
    out = tmp_path / "w.safetensors"
    checkpoint = stopped(folder, out)
    assert (tmp_path / "w.csv").exists()
    with pytest.raises(OutputError, match=r"interrupted training of w\.safetensors.*--resume"):
        train_file(folder, 1, QUICK, RUN, Place(out=out))
    train_file(folder, 1, replace(QUICK, epochs=1), RUN, Place(out=out, overwrite=True))
    assert not checkpoint.exists()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"rate": 0.002, "epochs": 9},
            "settings.epochs was 3, now 9; settings.rate was 0.004",
        ),
        ({"class_weights": "balanced"}, 'settings.class_weights was "none", now "balanced"'),
        ({"fold": 2}, "rotation.test was 4, now 1"),
    ],
)
def test_other_settings_are_named(folder, tmp_path, changes, words):
    out = tmp_path / "w.safetensors"
    stopped(folder, out)
    fold = changes.pop("fold", 1)
    with pytest.raises(WeightsError, match=words):
        train_file(folder, fold, replace(QUICK, **changes), RUN, Place(out=out, resume=True))


def test_other_data_are_named(folder, tmp_path):
    out = tmp_path / "w.safetensors"
    stopped(folder, out)
    write_folds(tmp_path / "other", folds=4, seed=1)
    with pytest.raises(WeightsError, match=r"data\.covariance was .* now .*data\.mean was"):
        train_file(tmp_path / "other", 1, QUICK, RUN, Place(out=out, resume=True))


def truncate(checkpoint):
    path = checkpoint / "epoch-2.safetensors"
    path.write_bytes(path.read_bytes()[:-9])


def lose(checkpoint):
    (checkpoint / "epoch-2.safetensors").unlink()


def garble(checkpoint):
    (checkpoint / "checkpoint.json").write_text("{")


def shorten(checkpoint):
    path = checkpoint / "checkpoint.json"
    index = json.loads(path.read_text())
    del index["history"][0]["train_loss"]
    path.write_text(json.dumps(index))


def outdate(checkpoint):
    path = checkpoint / "checkpoint.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 0}))


@pytest.mark.parametrize("spoil", [truncate, lose, garble, shorten, outdate])
def test_a_damaged_checkpoint_is_told(folder, tmp_path, spoil):
    out = tmp_path / "w.safetensors"
    spoil(stopped(folder, out))
    with pytest.raises(WeightsError, match=r"checkpoint\.json: a damaged checkpoint \(.*Remove"):
        train_file(folder, 1, QUICK, RUN, Place(out=out, resume=True))


def test_all_folds_go_on_where_they_stopped(folder, tmp_path):
    config = replace(QUICK, epochs=1)
    whole, out = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    expected = train_all_folds(folder, config, RUN, Place(out=whole))
    turns = []

    def track(steps):
        turns.append(len(steps))
        if len(turns) == 3:
            raise StoppedError
        yield from steps

    with pytest.raises(StoppedError):
        train_all_folds(folder, config, replace(RUN, track=track), Place(out=out))
    turns.clear()
    run = replace(RUN, track=lambda steps: turns.append(len(steps)) or steps)
    found = train_all_folds(folder, config, run, Place(out=out, resume=True))
    assert len(turns) == 2  # of four
    assert found.scores == expected.scores
    for ours, theirs in zip(expected.weights, found.weights, strict=True):
        assert ours.read_bytes() == theirs.read_bytes()
    place = Place(out=out, resume=True, overwrite=True)
    with pytest.raises(WeightsError, match=r"b-fold1\.safetensors: is of another .*seed was 0"):
        train_all_folds(folder, replace(config, seed=7), RUN, place)
