"""`am4cm info` as a user meets it: what a path is taken for."""

import json
import shutil
import sys
from typing import NamedTuple

import numpy as np
import pytest

from am4cm_cli.app import main
from am4cm_cli.stacks.discovery import find_stack
from stacks import DAYS, write_mask, write_stack


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


@pytest.fixture
def info(capfd, monkeypatch):
    def run_info(*words):
        monkeypatch.setattr(sys, "argv", ["am4cm", "info", *map(str, words)])
        with pytest.raises(SystemExit) as stop:
            main()
        return Ended(stop.value.code or 0, *capfd.readouterr())

    return run_info


@pytest.fixture
def folder(tmp_path):
    """A stack in a folder, and its mask beside the folder."""
    write_stack(tmp_path / "in")
    stack = find_stack(tmp_path / "in")
    write_mask(tmp_path / "mask.tif", stack, np.zeros((3, 7, 5), np.uint8))
    return tmp_path


def dates(ended):
    assert ended.code == 0, ended.err
    return [scene["time"][:10] for scene in json.loads(ended.out)["scenes"]]


def test_a_glob_that_ends_in_tif_is_a_stack(info, folder):
    assert dates(info(f"{folder}/in/*.tif", "--json")) == list(DAYS)


def test_one_image_is_a_stack(info, folder):
    assert dates(info(folder / "in" / "S2_L2A_20180121.tif", "--json")) == ["2018-01-21"]


@pytest.mark.parametrize("name", ["mask.tif", "mask", "mask.cloud"])
def test_a_mask_is_a_mask_whatever_its_name(info, folder, name):
    if name != "mask.tif":
        shutil.copy(folder / "mask.tif", folder / name)
    ended = info(folder / name, "--json")
    assert ended.code == 0, ended.err
    assert [band["name"] for band in json.loads(ended.out)["bands"]] == list(DAYS)


def test_a_damaged_image_is_named(info, folder):
    (folder / "in" / "S2_L2A_20180121.tif").write_bytes(b"II*\0")
    ended = info(folder / "in" / "S2_L2A_20180121.tif")
    assert ended.code == 1
    assert "S2_L2A_20180121.tif: cannot be opened as a raster" in ended.err


@pytest.mark.parametrize("name", ["nothere.tif", "nothere", "none/*.tif"])
def test_nothing_there(info, tmp_path, name):
    ended = info(tmp_path / name)
    assert ended == (1, "", f"error: {tmp_path / name}: no such file or folder.\n")
