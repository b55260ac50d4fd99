"""`am4cm evaluate` as a user meets it."""

import csv
import json
from io import StringIO

import matplotlib.image
import numpy as np
import pytest
from sklearn.metrics import f1_score, roc_auc_score
from typer.testing import CliRunner

from am4cm_cli.app import app
from am4cm_cli.errors import Am4cmError
from am4cm_cli.stacks.discovery import find_stack
from am4cm_cli.weights import save_weights
from cloudy import SHAPE, bright_weights, write_cloudy
from stacks import write_image, write_mask


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    cloud = write_cloudy(folder)
    stack = find_stack(str(folder / "images"))
    names = [scene.name for scene in stack.scenes]
    labels = cloud.astype(np.uint8)
    labels[3, :4] = 3
    write_image(folder / "truth.tif", labels, names=names)
    rng = np.random.default_rng(0)
    percent = np.clip(rng.normal(np.where(cloud, 70, 25), 20), 0, 100).astype(np.uint8)
    write_mask(folder / "mask.tif", stack, percent, tags={"AM4CM_WEIGHTS": "bright"})
    save_weights(folder / "bright.safetensors", bright_weights())
    return folder, names, labels, percent


@pytest.fixture
def run(site, monkeypatch):
    # A command hands Ctrl-C and a polite kill to itself; the tests keep theirs.
    monkeypatch.setattr("am4cm_cli.commands.evaluate.unwind", lambda: None)
    monkeypatch.chdir(site[0])

    def invoke(*words):
        return CliRunner().invoke(app, ["evaluate", *map(str, words)])

    return invoke


def test_json_on_standard_output_is_all_there_is(run, site):
    _, names, labels, percent = site
    result = run("mask.tif", "truth.tif", "--json", "-")
    assert result.exit_code == 0, result.output
    facts = json.loads(result.stdout)
    assert facts["tags"]["AM4CM_WEIGHTS"] == "bright"
    assert (facts["kind"], facts["dates"]) == ("classes", names)
    assert list(facts["targets"]) == ["cloud", "unusable"]
    for target, flagged in (("cloud", (1, 2)), ("unusable", (1, 2, 3))):
        row = facts["targets"][target]["rows"][0]
        used = np.isin(labels, (0, *flagged))
        truth, share = labels[used] > 0, percent[used] / 100
        assert row["values"]["f1"]["value"] == pytest.approx(f1_score(truth, share >= 0.5))
        assert row["values"]["auc"]["value"] == pytest.approx(roc_auc_score(truth, share))
        assert row["values"]["auc"]["low"] < row["values"]["auc"]["value"]
        assert (row["clear"], row["flagged"]) == ((~truth).sum(), truth.sum())


def test_everything_at_once(run, site, tmp_path):
    _, names, _, _ = site
    files = tmp_path / "a.json", tmp_path / "a.csv", tmp_path / "a.png"
    outputs = [
        word
        for name, path in zip(("json", "csv", "plot"), files, strict=True)
        for word in (f"--{name}", path)
    ]
    result = run(
        "mask.tif",
        "truth.tif",
        "--images",
        "images",
        "--weights",
        "bright.safetensors",
        "--without",
        names[2],
        *outputs,
    )
    assert result.exit_code == 0, result.output
    for word in (
        "all dates (",
        "mixed dates without 1",
        "B02, best threshold",
        "blue control",
        "raw attention",
        "always flag",
        "How far the mask is ahead",
        "worst dates",
    ):
        assert word in result.stdout
    assert all(len(line) <= 80 for line in result.stdout.splitlines())
    facts = json.loads(files[0].read_text())
    assert facts["without"] == [names[2]]
    curves = facts["targets"]["cloud"]["curves"]
    assert list(curves) == [
        "mask",
        "B02, best threshold",
        "blue control",
        "raw attention",
        "always flag",
    ]
    assert curves["mask"]["recall"][0] == 0
    assert curves["mask"]["recall"][-1] == 1
    rows = list(csv.DictReader(StringIO(files[1].read_text())))
    assert [row["date"] for row in rows] == names * 2
    assert {row["target"] for row in rows} == {"cloud", "unusable"}
    assert rows[0]["auc"] == ""  # a clear date has none
    picture = matplotlib.image.imread(files[2])
    assert picture.shape[1] > picture.shape[0] > 500
    assert picture[..., :3].std() > 0.01


def test_a_reference_without_cloud_tells_false_alarms_alone(run, site, tmp_path):
    _, names, labels, percent = site
    write_image(tmp_path / "clear.tif", np.zeros_like(labels[:2]), names=names[:2])
    result = run("mask.tif", tmp_path / "clear.tif", "--csv", "-", "--plot", tmp_path / "a.png")
    assert result.exit_code == 0, result.output
    assert "shows no cloud" in result.stderr
    rows = list(csv.DictReader(StringIO(result.stdout)))
    alarms = (percent[:2] >= 50).sum(axis=(1, 2))
    assert [int(row["false_alarms"]) for row in rows] == alarms.tolist()
    assert (tmp_path / "a.png").stat().st_size > 10_000
    assert run("mask.tif", tmp_path / "clear.tif").exit_code == 0


def test_without_a_reference_the_images_judge(run):
    result = run("mask.tif", "--images", "images", "--weights", "bright.safetensors", "--json", "-")
    assert result.exit_code == 0, result.output
    facts = json.loads(result.stdout)
    assert facts["reference"] is None
    assert facts["pixels"] == SHAPE[0] * SHAPE[1]
    assert facts["jumps"]["B02"]["kept"] < facts["jumps"]["B02"]["all"]
    table = run("mask.tif", "--images", "images", "--weights", "bright.safetensors").stdout
    for word in ("jump between kept", "rank correlation of 2 heads", "of the weights"):
        assert word in table


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["mask.tif"], "needs a REFERENCE"),
        (["mask.tif", "--images", "images", "--csv", "x.csv"], "no use without REFERENCE"),
        (["mask.tif", "truth.tif", "--bands", "B02"], "no use without --images"),
        (["mask.tif", "truth.tif", "--kind", "sen2cor"], "sen2cor"),
    ],
)
def test_wrong_usage_is_told(run, words, message):
    result = run(*words)
    assert result.exit_code == 2
    assert message in " ".join(result.output.replace("│", " ").split())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["truth.tif", "truth.tif"], "is no mask by am4cm"),
        (["mask.tif", "none.npz"], "there is no such reference"),
        (["mask.tif", "truth.tif", "--map", "0=clear"], "no class; expected 0"),
        (["mask.tif", "truth.tif", "--json", "mask.tif"], "exists already"),
        (["mask.tif", "truth.tif", "--plot", "none/a.png"], "does not exist"),
    ],
)
def test_errors_are_ours_and_leave_nothing_behind(run, site, words, message):
    before = sorted(site[0].rglob("*"))
    result = run(*words)
    assert isinstance(result.exception, Am4cmError)
    assert message in str(result.exception)
    assert result.stdout == ""
    assert sorted(site[0].rglob("*")) == before


def test_help_groups_its_options(run):
    result = run("--help")
    assert result.exit_code == 0
    for word in ("Reference", "Rivals", "Outputs", "--map", "ECE"):
        assert word in result.stdout
