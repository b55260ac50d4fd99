"""Outputs that cannot be written to their end: one error, and nothing left but what goes on."""

import resource
import subprocess
import sys

import pytest
import torch

from am4cm_cli.errors import OutputError
from am4cm_cli.masking import mask_stack
from am4cm_cli.orders import MaskConfig, MaskFiles, Resources
from am4cm_cli.stacks.discovery import find_stack
from am4cm_cli.weights import save_weights
from cloudy import bright_weights, write_cloudy

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    write_cloudy(folder)
    save_weights(folder / "bright.safetensors", bright_weights())
    return folder


def no_file_beyond(size):
    """Let no file grow beyond so many bytes, which is met as a full disk is."""

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return limit


def run(*words, size):
    command = [sys.executable, "-m", "am4cm_cli", *map(str, words)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, preexec_fn=no_file_beyond(size)
    )
    assert done.returncode == 1, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    # The library beneath GDAL has its own say on standard error, before the error.
    *before, last = done.stderr.splitlines()
    assert last.startswith("error: ")
    assert all(line.startswith("_tiff") or "keeps what is done" in line for line in before)
    return last


@pytest.mark.parametrize("size", [300, 15_000])
def test_a_mask_on_a_disk_that_fills_up(site, tmp_path, size):
    weights = ("--weights", site / "bright.safetensors", "--tile", 16)
    text = run("mask", site / "images", tmp_path / "out.tif", *weights, size=size)
    assert "not written" in text
    assert str(tmp_path / "out.tif") in text
    assert {path.name for path in tmp_path.iterdir()} <= {"out.tif.parts"}


@pytest.mark.parametrize("size", [1_000, 10_000, 40_000])
def test_a_simulation_on_a_disk_that_fills_up(tmp_path, size):
    text = run("simulate", tmp_path / "out", "--dates", 2, "--size", 64, size=size)
    assert "not written" in text
    assert not list(tmp_path.iterdir())


def test_prepared_series_on_a_disk_that_fills_up(site, tmp_path):
    text = run("prepare", site, tmp_path / "out", "--folds", 3, size=10_000)
    assert text.startswith(f"error: {tmp_path / 'out'}: not written (File too large)")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("resume", [True, False])
@pytest.mark.parametrize("last", [True, False])
def test_a_folder_that_goes_away_while_a_mask_is_computed(site, tmp_path, resume, last):
    out = tmp_path / "gone" / "out.tif"
    out.parent.mkdir()

    def move_it(windows):
        # At once, and not file by file while others are being written into it.
        for place, window in enumerate(windows):
            if place == 2 and not last:
                out.parent.rename(tmp_path / "elsewhere")
            yield window
        if last:
            out.parent.rename(tmp_path / "elsewhere")

    with pytest.raises(OutputError, match=r"out\.tif"):
        mask_stack(
            find_stack(site / "images"),
            MaskFiles(probability=out),
            bright_weights(),
            MaskConfig(),
            Resources(tile=6),
            device=CPU,
            resume=resume,
            track=move_it,
        )
    assert [path.name for path in tmp_path.iterdir()] == ["elsewhere"]
