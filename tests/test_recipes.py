"""docs/recipes.md and composite.md: every block runs, prints what it shows, and is right."""

import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import rasterio

pytestmark = pytest.mark.long
PAGE = Path(__file__).parents[1] / "docs" / "recipes.md"
COMPOSITE = PAGE.with_name("composite.md")
BLOCK = re.compile(r"^```(sh|python|text) (run|output)(?: needs (\S+))?\n(.*?)^```$", re.M | re.S)


def at_hand(module):
    try:
        return not module or find_spec(module) is not None
    except ModuleNotFoundError:  # of its parent
        return False


def execute(kind, code, folder):
    own = Path(sys.executable).parent
    path = os.pathsep.join([str(own), os.environ["PATH"]])
    words = {"sh": ["bash", "-euo", "pipefail", "-c"], "python": [sys.executable, "-c"]}[kind]
    done = subprocess.run(
        [*words, code],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{code}\n{done.stderr}"
    return done.stdout


def cook(page, folder):
    """Run all blocks of a page in a folder; return it, and what each printed and is shown."""
    if not shutil.which("gdal_calc.py") or not shutil.which(
        "am4cm", path=Path(sys.executable).parent
    ):
        pytest.skip("no GDAL tools, or am4cm is not installed")
    printed, ran = [], False
    for kind, role, needs, code in BLOCK.findall(page.read_text()):
        if role == "run":
            ran = at_hand(needs)
            last = execute(kind, code, folder) if ran else ""
        elif ran:
            printed.append((last, code))
    return folder, printed


@pytest.fixture(scope="module")
def kitchen(tmp_path_factory):
    return cook(PAGE, tmp_path_factory.mktemp("kitchen"))


@pytest.fixture(scope="module")
def composites(tmp_path_factory):
    return cook(COMPOSITE, tmp_path_factory.mktemp("composites"))


def read(path, band=1):
    with rasterio.open(path) as raster:
        return raster.read(band)


@pytest.mark.parametrize("page", ["kitchen", "composites"])
def test_blocks_print_what_the_page_shows(page, request):
    _, printed = request.getfixturevalue(page)
    assert len(printed) >= 3
    for found, shown in printed:
        assert found == shown


def test_rasters_are_what_the_page_says(kitchen):
    folder, _ = kitchen
    cut = np.array([read(path) for path in sorted((folder / "cloudy").iterdir())])
    images = sorted((folder / "site" / "images").iterdir())
    red = np.array([read(path, 3) for path in images], float)
    clear = cut == 0
    expected = np.nanmedian(np.where(clear, red, np.nan), axis=0)
    np.testing.assert_allclose(read(folder / "red.tif"), expected)
    assert (read(folder / "clear_count.tif") == clear.sum(axis=0)).all()
    (chosen,) = (place for place, path in enumerate(images) if "20180923" in path.name)
    kept = np.where(clear[chosen], red[chosen], 0)
    assert 0 < clear[chosen].mean() < 1
    assert (read(folder / "clear_20180923.tif", 3) == kept).all()
    with rasterio.open(folder / "rgb.vrt") as raster:
        assert ((raster.dataset_mask() > 0) == clear[chosen]).all()
        assert (raster.read(1) == red[chosen]).all()
    assert (read(folder / "third.tif") == read(folder / "clouds.tif", 3)).all()


def test_composites_are_those_of_gdal(composites):
    """Counts by gdal_calc, and summer's median of a band, halves rounded up."""
    folder, _ = composites
    execute(
        "sh",
        "am4cm export unusable.tif --binary b.tif && am4cm export b.tif --split b && "
        'gdal_calc.py --quiet -A b/*.tif --calc="sum(A==0, axis=0)" --type=UInt16 --hideNoData '
        "--outfile=clear.tif && gdal_calc.py --quiet -A site/images/*_20180[678]*.tif --A_band=8 "
        '-B b/2018-0[678]*.tif --calc="nanmedian(where(B==0, A, nan), axis=0)" --type=Float32 '
        "--NoDataValue=nan --hideNoData --outfile=median_8.tif",
        folder,
    )
    assert (read(folder / "count.tif") == read(folder / "clear.tif")).all()
    median = read(folder / "median_8.tif")
    expected = np.where(np.isnan(median), -32768, np.floor(median + 0.5))
    assert (read(folder / "summer.tif", 8) == expected).all()


def test_the_page_is_linked():
    assert "docs/recipes.md" in (PAGE.parents[1] / "README.md").read_text()
