"""`am4cm train` and `am4cm test` as a user meets them."""

import csv
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from am4cm_cli.commands.test import score
from am4cm_cli.commands.train import train
from am4cm_cli.errors import Am4cmError, OutputError
from am4cm_cli.weights import load_weights
from prepared_folds import write_folds

QUICK = ("--epochs", 2, "--batch", 16, "--noise", 0.01, "--device", "cpu")

app = typer.Typer()
app.command("train")(train)
app.command("test")(score)


def run(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    write_folds(folder, folds=4)
    return folder


@pytest.fixture(scope="module")
def weights(data, tmp_path_factory):
    out = tmp_path_factory.mktemp("weights") / "w.safetensors"
    result = run("train", data, out, *QUICK, "--fold", 2)
    assert result.exit_code == 0, result.output
    assert result.stdout == ""
    assert result.stderr.startswith(f"Wrote {out}: test fold 1 has overall accuracy ")
    return out


def read_log(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_train_writes_weights_metrics_and_log(weights):
    names = ["w.csv", "w.metrics.json", "w.safetensors"]
    assert sorted(path.name for path in weights.parent.iterdir()) == names
    metrics = json.loads(weights.with_suffix(".metrics.json").read_text())
    rows = read_log(weights.with_suffix(".csv"))
    assert [float(row["train_loss"]) for row in rows] == metrics["losses"]
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert all(float(row["series_per_second"]) > 0 for row in rows)
    validated = [one["mean_iou"] for one in metrics["validation"]]
    assert [float(row["validation_mean_iou"]) for row in rows] == validated
    assert metrics["rotation"]["train"] == [2, 3]


def test_a_report_is_a_page_with_its_pictures(data, tmp_path):
    page = tmp_path / "report.html"
    result = run("train", data, tmp_path / "w.safetensors", *QUICK, "--report", page)
    assert result.exit_code == 0, result.output
    assert f"Wrote {page}" in result.stderr
    metrics = json.loads((tmp_path / "w.metrics.json").read_text())
    text = page.read_text()
    for name in metrics["data"]["classes"]:
        assert name in text
    for path in tmp_path.glob("report-*.png"):
        assert path.read_bytes().startswith(b"\x89PNG")
    assert len(list(tmp_path.glob("report-*.png"))) == 8


@pytest.mark.parametrize("resume", [(), ("--resume",)])
def test_a_report_that_exists_is_kept_and_nothing_trained(data, tmp_path, resume):
    page = tmp_path / "report.html"
    page.write_text("precious")
    out = tmp_path / "w.safetensors"
    result = run("train", data, out, *QUICK, *resume, "--report", page)
    assert isinstance(result.exception, OutputError)
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    assert page.read_text() == "precious"


def test_test_gives_the_scores_that_training_reported(weights, data):
    reported = load_weights(weights).record["scores"]
    for fold in ((), ("--fold", 1)):
        result = run("test", weights, data, "--json", *fold)
        assert result.exit_code == 0, result.output
        assert json.loads(result.stdout) == reported
    other = json.loads(run("test", weights, data, "--json", "--fold", 4).stdout)
    assert other["folds"] == [4]


def test_test_prints_a_table(weights, data):
    result = run("test", weights, data)
    scores = load_weights(weights).record["scores"]
    ratios = (f"overall accuracy {scores['overall_accuracy']:.4f}", f"{scores['mean_iou']:.4f}")
    for word in ("w on fold 1", "maize", "meadow", "wheat", "40 series", *ratios):
        assert word in result.stdout


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"bands": ("B02", "B04", "B8A", "B11")}, "has the bands B02, B04, B8A, B11; weights w"),
        ({"bands": ("B02", "B04", "B11", "B08")}, "expect B02, B04, B08, B11, in this order"),
        ({"classes": ("maize", "rye", "wheat")}, "has the classes maize, rye, wheat; weights w"),
        ({"empty": (1,)}, "no series in fold 1"),
        ({"folds": 3, "fold": 9}, "has no fold 9"),
    ],
)
def test_test_refuses_data_of_another_kind(weights, tmp_path, changes, words):
    fold = changes.pop("fold", 1)
    write_folds(tmp_path / "other", **changes)
    result = run("test", weights, tmp_path / "other", "--fold", fold)
    assert isinstance(result.exception, Am4cmError)
    assert words in str(result.exception)


def test_all_folds_pool_their_counts(data, tmp_path):
    result = run("train", data, tmp_path / "w.safetensors", *QUICK, "--all-folds")
    assert result.exit_code == 0, result.output
    assert "all 4 test folds together have overall accuracy" in result.stderr
    pooled = json.loads((tmp_path / "w.metrics.json").read_text())
    single = [
        json.loads((tmp_path / f"w-fold{fold}.metrics.json").read_text()) for fold in (1, 2, 3, 4)
    ]
    counts = np.sum([one["scores"]["confusion"] for one in single], axis=0)
    assert pooled["scores"]["confusion"] == counts.tolist()
    assert pooled["scores"]["series"] == 4 * 40
    assert sorted(pooled["scores"]["folds"]) == [1, 2, 3, 4]
    hit, rows, columns = np.diag(counts), counts.sum(1), counts.sum(0)
    assert pooled["scores"]["mean_iou"] == pytest.approx((hit / (rows + columns - hit)).mean())
    assert not (tmp_path / "w.safetensors").exists()


@pytest.mark.parametrize(
    "words",
    [
        ("data", "w.txt"),
        ("data", "w.safetensors", "--model", "unet"),
        ("data", "w.safetensors", "--class-weights", "some"),
        ("data", "w.safetensors", "--label-smoothing", "1.5"),
        ("data", "w.safetensors", "--noise", "400"),
        ("data", "w.safetensors", "--memory", "inf"),
        ("data", "w.safetensors", "--all-folds", "--fold", "1"),
        ("data", "w.safetensors", "--validation-fold", "1"),
    ],
)
def test_wrong_usage(words):
    assert run("train", *words).exit_code == 2


def test_an_output_that_exists_is_kept(data, weights):
    before = weights.read_bytes()
    result = run("train", data, weights, *QUICK)
    assert "exists already" in str(result.exception)
    assert weights.read_bytes() == before


@pytest.mark.long
def test_a_killed_training_resumes_to_the_same_weights(data, tmp_path):
    out, options = tmp_path / "w.safetensors", ("--epochs", 40, "--batch", 40, *QUICK[4:])
    words = [sys.executable, "-m", "am4cm_cli", "train", data, out, *options]
    index = tmp_path / ".w.safetensors.checkpoint" / "checkpoint.json"
    with subprocess.Popen([str(word) for word in words], stderr=subprocess.PIPE) as process:
        while process.poll() is None and not index.exists():
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert not out.exists()
    done = len(json.loads(index.read_text())["history"])
    assert 1 <= done < 40
    assert run("train", data, out, *options, "--resume").exit_code == 0
    whole = tmp_path / "whole.safetensors"
    assert run("train", data, whole, *options).exit_code == 0
    assert out.read_bytes() == whole.read_bytes()
    assert not index.parent.exists()


def test_tensorboard_missing_is_told_before_any_work(data, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)  # as if not installed
    result = run("train", data, tmp_path / "w.safetensors", *QUICK, "--tensorboard", tmp_path / "b")
    assert "Install am4cm[tensorboard]" in str(result.exception)
    assert not os.listdir(tmp_path)  # noqa: PTH208


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tensorboard_gets_the_curves(data, tmp_path):
    board = tmp_path / "board"
    result = run("train", data, tmp_path / "w.safetensors", *QUICK, "--tensorboard", board)
    assert result.exit_code == 0, result.output
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(board)).Reload()
    found = [(point.step, point.value) for point in events.Scalars("train_loss")]
    rows = read_log(tmp_path / "w.csv")
    expected = [(int(row["epoch"]), float(row["train_loss"])) for row in rows]
    np.testing.assert_allclose(found, expected, rtol=1e-6)
