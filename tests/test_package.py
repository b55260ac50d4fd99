"""Wheel and sdist: built twice, compared, installed in an empty environment, and tried there."""

import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch

from am4cm_cli import __version__
from am4cm_cli.masking import mask_stack
from am4cm_cli.orders import MaskConfig, MaskFiles
from am4cm_cli.published import DEFAULT_NAME
from am4cm_cli.stacks.discovery import find_stack
from am4cm_cli.weights import load_weights

pytestmark = pytest.mark.long
HOUSE = Path(__file__).parents[1]
DEFAULT = f"{DEFAULT_NAME}.safetensors"
MOST_BYTES = 1_500_000
"""Of the wheel: a new table or picture in it should be meant."""
IMPORT_ALL = """
import importlib, pkgutil, am4cm_cli
for found in pkgutil.walk_packages(am4cm_cli.__path__, "am4cm_cli."):
    try:
        importlib.import_module(found.name)
    except ModuleNotFoundError as error:
        print(found.name.split(".")[1], error.name)
"""


def build(source, out, *, epoch="1700000000"):
    """Wheel and sdist of a folder, by a backend that fetches nothing."""
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", out, source],
        env={**os.environ, "SOURCE_DATE_EPOCH": epoch},
        capture_output=True,
        check=True,
    )
    (wheel,), (sdist,) = out.glob("*.whl"), out.glob("*.tar.gz")
    return wheel, sdist


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return build(HOUSE, tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def empty(built, tmp_path_factory):
    """An environment with the wheel and what it declares, and nothing of this house at hand."""
    folder = tmp_path_factory.mktemp("empty")
    venv.create(folder / "env", with_pip=True)
    wheel, _ = built
    there(folder, "python", "-m", "pip", "install", "--no-compile", "--quiet", wheel,
          "--constraint", HOUSE / "constraints.txt")  # fmt: skip
    return folder


def there(folder, program, *words, code=0):
    """Run a program of the empty environment in its folder; what it printed, or said of errors."""
    scripts = folder / "env" / ("Scripts" if os.name == "nt" else "bin")
    lost = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
    done = subprocess.run(
        [scripts / program, *map(str, words)],
        cwd=folder,
        env={key: value for key, value in os.environ.items() if key not in lost},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, f"{program} {words}\n{done.stdout}\n{done.stderr}"
    return done.stderr if code else done.stdout


def members(wheel):
    """What a wheel holds, by name."""
    with zipfile.ZipFile(wheel) as file:
        return {name: file.read(name) for name in file.namelist()}


def test_the_wheel_holds_the_code_the_weights_and_the_licence(built):
    wheel, _ = built
    found = members(wheel)
    code = (HOUSE / "src").rglob("*.*")
    expected = {
        path.relative_to(HOUSE / "src").as_posix(): path.read_bytes()
        for path in code
        if path.is_file() and path.suffix != ".pyc" and ".egg-info" not in str(path)
    } | {
        f"am4cm_cli/_weights/{path.name}": path.read_bytes()
        for path in (HOUSE / "weights").iterdir()
    }
    about = f"am4cm-{__version__}.dist-info"
    told = {name for name in found if name.startswith(about)}
    assert {name: found[name] for name in found.keys() - told} == expected
    assert f"{about}/licenses/LICENSE" in told
    assert f"am4cm_cli/_weights/{DEFAULT}" in found
    assert wheel.name == f"am4cm-{__version__}-py3-none-any.whl"
    assert wheel.stat().st_size < MOST_BYTES


def test_the_same_source_gives_the_same_bytes(built, tmp_path):
    for first, second in zip(built, build(HOUSE, tmp_path), strict=True):
        assert first.read_bytes() == second.read_bytes()


def test_the_sdist_builds_the_same_wheel(built, tmp_path):
    wheel, sdist = built
    with tarfile.open(sdist) as file:
        file.extractall(tmp_path, filter="data")
    again, _ = build(tmp_path / f"am4cm-{__version__}", tmp_path / "dist")
    assert members(again) == members(wheel)
    assert again.read_bytes() == wheel.read_bytes()


def test_the_sdist_has_what_its_tests_and_docs_need(built):
    if not (HOUSE / ".git").exists():
        pytest.skip("no git")
    _, sdist = built
    with tarfile.open(sdist) as file:
        found = {name.partition("/")[2] for name in file.getnames()}
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=HOUSE, capture_output=True, text=True, check=True
    ).stdout.split()
    assert set(tracked) - found == set()


def test_what_is_declared_suffices_to_import_it(empty):
    lacking = there(empty, "python", "-W", "error", "-c", IMPORT_ALL).splitlines()
    assert set(lacking) == {"pictures matplotlib", "workers distributed"}
    there(empty, "python", "-m", "pip", "check")


@pytest.fixture(scope="module")
def masked(empty):
    """A folder with a stack and its mask, as the installed program leaves it."""
    there(empty, "am4cm", "simulate", "stack", "--dates", "8", "--size", "64")
    there(empty, "am4cm", "mask", "stack", "mask.tif", "--device", "cpu")
    return empty


def test_a_stack_is_simulated_masked_and_looked_at(masked):
    assert there(masked, "am4cm", "--version").strip() == f"am4cm {__version__}"
    assert DEFAULT_NAME in there(masked, "am4cm", "info", "mask.tif")
    with rasterio.open(masked / "mask.tif") as mask:
        percent, tags = mask.read(), mask.tags()
    assert percent.shape == (8, 64, 64)
    assert set(np.unique(percent)) - {255} <= set(range(101))
    held = sha256((HOUSE / "weights" / DEFAULT).read_bytes()).hexdigest()
    assert held in tags.values()


def test_python_gets_the_same_mask_as_from_the_checkout(masked, tmp_path):
    mask_stack(
        find_stack(masked / "stack"),
        MaskFiles(probability=tmp_path / "here.tif"),
        load_weights(HOUSE / "weights" / DEFAULT),
        MaskConfig(),
        device=torch.device("cpu"),
    )
    with rasterio.open(masked / "mask.tif") as one, rasterio.open(tmp_path / "here.tif") as other:
        np.testing.assert_array_equal(one.read(), other.read())


def test_a_verb_whose_extra_is_not_installed_names_it(masked):
    words = ("draw", "mask.tif", "mask.png", "--images", "stack")
    refused = there(masked, "am4cm", *words, code=1)
    assert "am4cm[plots]" in refused
    assert refused.count("error:") == 1
