"""`am4cm prepare` as a user meets it: what it refuses, and what it tells."""

import sys
from pathlib import Path

import pytest
import rasterio

from am4cm_cli.app import main
from am4cm_cli.datasets.pastis.journal import Journal
from am4cm_cli.datasets.pixels import open_fold, read_index
from cloudy import write_cloudy
from pastis import write_pastis


@pytest.fixture
def run(capfd, monkeypatch):
    """Run am4cm by its entry point; give the exit code and standard error."""

    def run_main(*words):
        monkeypatch.setattr(sys, "argv", ["am4cm", *map(str, words)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as stop:
            main()
        return stop.value.code or 0, capfd.readouterr().err

    return run_main


@pytest.fixture
def site(tmp_path):
    write_cloudy(tmp_path / "site")
    return tmp_path / "site"


def test_fields_are_of_no_use_to_blocks(run, site, tmp_path):
    code, text = run(
        "prepare", site, tmp_path / "out", "--group-by", "block", "--fields", "labels.tif"
    )
    assert code == 2
    assert "--fields" in text
    assert "Traceback" not in text
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


def test_fewer_fields_than_folds_are_told(run, site, tmp_path):
    code, text = run("prepare", site, tmp_path / "out")
    assert code == 0
    assert "No series in fold 3, 4, 5: there are fewer fields than folds." in text
    assert sum(count > 0 for count in read_index(tmp_path / "out").series) == 2


def test_fewer_blocks_than_folds_are_told(run, site, tmp_path):
    blocks = ("--group-by", "block", "--block", 99, "--folds", 3)
    code, text = run("prepare", site, tmp_path / "out", *blocks)
    assert code == 0
    assert "No series in fold 2, 3: there are fewer blocks than folds." in text


def test_full_folds_need_no_words(run, site, tmp_path):
    blocks = ("--group-by", "block", "--block", 4)
    code, text = run("prepare", site, tmp_path / "out", "--folds", 3, *blocks)
    assert code == 0
    assert "No series" not in text
    assert len(read_index(tmp_path / "out").folds) == 3


@pytest.mark.parametrize("folds", ["2", "0", "-3", "1,2,3", "x", ""])
def test_folds_of_images_are_a_number_of_at_least_three(run, site, tmp_path, folds):
    code, text = run("prepare", site, tmp_path / "out", f"--folds={folds}")
    assert code == 2
    assert "expected how many" in text


def test_what_is_left_out_is_told(run, site, tmp_path):
    code, text = run("prepare", site, tmp_path / "out", "--per-group", 7)
    assert code == 0
    index = read_index(tmp_path / "out")
    assert sum(index.series) == 14
    assert f"{index.void} without a class, {index.not_taken} not drawn." in text
    assert "2 fields in 5 folds" in text


def test_labels_in_another_crs_are_refused(run, site, tmp_path):
    labels = (site / "labels.tif").read_bytes()
    (site / "elsewhere.tif").write_bytes(labels)
    with rasterio.open(site / "elsewhere.tif", "r+") as raster:
        raster.crs = "EPSG:32632"
    code, text = run("prepare", site, tmp_path / "out", "--labels", "elsewhere.tif")
    assert code == 1
    assert len(text.splitlines()) == 1
    assert "elsewhere.tif: lies on another grid" in text
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no /proc")
@pytest.mark.parametrize("command", ["prepare", "simulate"])
def test_a_folder_where_none_can_be_made(run, site, command):
    sources = [site] * (command == "prepare")
    code, text = run(command, *sources, "/proc/xx")
    assert code == 1
    assert text.startswith("error: /proc/xx: nothing can be written there")
    assert len(text.splitlines()) == 1


@pytest.fixture(scope="module")
def pastis(tmp_path_factory):
    return write_pastis(tmp_path_factory.mktemp("data") / "PASTIS", dates=(3, 2))


def test_pastis_is_prepared_and_shown(run, pastis, tmp_path, capfd):
    options = ("--pixels-per-patch", 70, "--folds", "2,1", "--seed", 3, "--workers", 2)
    code, text = run("prepare", pastis, tmp_path / "out", *options)
    assert code == 0
    index = read_index(tmp_path / "out")
    assert index.folds == (1, 2)
    assert index.series == (70, 70)
    assert "140 series of 19 classes, 2 patches in 2 folds (70, 70)." in text
    assert f"{index.void} without a class, {index.not_taken} not drawn." in text
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert run("info", tmp_path / "out")[0] == 0


def test_a_fold_without_a_patch_is_told(run, pastis, tmp_path):
    code, text = run("prepare", pastis, tmp_path / "out", "--fraction", 0.01, "--folds", "1,4")
    assert code == 0
    assert f"No series in fold 4: no patch of {pastis} is in it." in text
    assert len(open_fold(tmp_path / "out", 4).target) == 0


def test_folds_without_any_patch_are_refused(run, pastis, tmp_path):
    code, text = run("prepare", pastis, tmp_path / "out", "--folds", "5,4")
    assert code == 1
    assert f"error: {pastis}: found no patch in fold 4, 5, only in 1, 2" in text
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "name"),
    [
        (("--per-group", 3), "--per-group"),
        (("--group-by", "field"), "--group-by"),
        (("--bands", "B02"), "--bands"),
        (("--folds", "3,6"), "--folds"),
        (("--folds", ""), "--folds"),
        (("--fraction", "nan"), "--fraction"),
        (("--fraction", 0), "--fraction"),
        (("--workers", 0), "--workers"),
    ],
)
def test_options_that_mean_nothing_to_pastis(run, pastis, tmp_path, options, name):
    code, text = run("prepare", pastis, tmp_path / "out", *options)
    assert code == 2
    assert name in text
    assert not list(tmp_path.iterdir())


def test_options_of_pastis_mean_nothing_to_images(run, site, tmp_path):
    code, text = run("prepare", site, tmp_path / "out", "--fraction", 0.5)
    assert code == 2
    assert "--fraction" in text


def test_pastis_goes_alone(run, pastis, site, tmp_path):
    code, text = run("prepare", site, pastis, tmp_path / "out")
    assert code == 2
    assert "PASTIS is prepared by itself" in text


def test_faults_of_pastis_are_told_and_leave_nothing(run, tmp_path):
    pastis = write_pastis(tmp_path / "PASTIS", dates=(2, 2))
    (pastis / "DATA_S2" / "S2_10000.npy").unlink()
    (pastis / "ANNOTATIONS" / "TARGET_10003.npy").write_bytes(b"")
    code, text = run("prepare", pastis, tmp_path / "out")
    assert code == 1
    assert text.startswith(f"error: {pastis}: found 2 faults; nothing was prepared.")
    assert "DATA_S2/S2_10000.npy: cannot be read" in text
    assert "ANNOTATIONS/TARGET_10003.npy: found no .npy header" in text
    assert [path.name for path in tmp_path.iterdir()] == ["PASTIS"]


def test_an_interrupted_command_goes_on(run, pastis, tmp_path, monkeypatch):
    assert run("prepare", pastis, tmp_path / "whole")[0] == 0

    def once(journal, entry, add=Journal.add):
        add(journal, entry)
        raise KeyboardInterrupt  # as Ctrl-C does once a patch is done

    with monkeypatch.context() as broken:
        broken.setattr(Journal, "add", once)
        code, text = run("prepare", pastis, tmp_path / "out")
    assert code == 130
    assert f"Stopped; the same command goes on where this one was. Until then, {tmp_path}" in text
    code, text = run("prepare", pastis, tmp_path / "out")
    assert code == 0
    assert "Going on where it stopped: 1 of 2 patches done." in text
    assert arrays(tmp_path / "out") == arrays(tmp_path / "whole")
    assert not (tmp_path / ".out.partial").exists()


def arrays(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.npy")}
