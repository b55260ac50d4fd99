"""`am4cm prepare` as a user meets it: what it refuses, and what it tells."""

import sys
from pathlib import Path

import pytest
import rasterio

from am4cm_cli.app import main
from am4cm_cli.datasets.pixels import read_index
from cloudy import write_cloudy


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
    blocks = ("--group-by", "block", "--block", 99, "--folds", 2)
    code, text = run("prepare", site, tmp_path / "out", *blocks)
    assert code == 0
    assert "No series in fold 2: there are fewer blocks than folds." in text


def test_full_folds_need_no_words(run, site, tmp_path):
    code, text = run("prepare", site, tmp_path / "out", "--folds", 2)
    assert code == 0
    assert "No series" not in text


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
