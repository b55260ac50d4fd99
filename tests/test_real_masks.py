"""The main job on real series: what the raster is, and how well it finds clouds drawn by eye."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import rasterio
from rio_cogeo.cogeo import cog_validate
from sklearn.metrics import f1_score, roc_auc_score

L1C = "B01,B02,B03,B04,B05,B06,B07,B08,B8A,B09,B10,B11,B12"


def am4cm(*words, **options):
    words = [sys.executable, "-m", "am4cm_cli", *map(str, words)]
    return subprocess.run(words, capture_output=True, check=True, **options)


@pytest.fixture(scope="module")
def flanders(shared, tmp_path_factory):
    out = tmp_path_factory.mktemp("flanders") / "out.tif"
    am4cm("mask", shared / "flanders-2018" / "images", out, "--dtype", "float32")
    return out


def by_eye(shared):
    return np.load(shared / "flanders-2018" / "eye.npz")


def test_the_raster_is_on_the_images_grid_and_named_by_date(shared, flanders):
    dates = [str(date) for date in by_eye(shared)["dates"]]
    first = next((shared / "flanders-2018" / "images").glob("*.tif"))
    with rasterio.open(flanders) as raster, rasterio.open(first) as image:
        assert (raster.count, raster.shape) == (118, (64, 64))
        assert raster.crs.to_epsg() == 32631
        assert raster.transform == image.transform
        assert list(raster.descriptions) == dates
    valid, errors, _ = cog_validate(str(flanders))
    assert valid, errors


def test_clouds_drawn_by_eye_are_found(shared, flanders):
    labels = by_eye(shared)["labels"]
    with rasterio.open(flanders) as raster:
        probability = raster.read()
    used = np.isin(labels, (0, 1, 2))
    cloudy, found = labels[used] > 0, probability[used]
    assert roc_auc_score(cloudy, found) >= 0.985
    assert f1_score(cloudy, found >= 0.5) >= 0.94


@pytest.mark.skipif(not shutil.which("gdalinfo"), reason="GDAL's own tools are not installed")
def test_gdals_own_tools_read_the_file_and_the_stream(shared, flanders, tmp_path):
    text = subprocess.run(["gdalinfo", flanders], capture_output=True, check=True, text=True).stdout
    assert "Description = 2017-08-04" in text
    stream = am4cm("mask", shared / "flanders-2018" / "images", "-")
    subprocess.run(
        ["gdal_translate", "-q", "-b", "3", "/vsistdin?buffer_limit=-1", tmp_path / "b3.tif"],
        input=stream.stdout,
        check=True,
    )
    with rasterio.open(tmp_path / "b3.tif") as third, rasterio.open(flanders) as whole:
        np.testing.assert_allclose(third.read(1), whole.read(3) * 100, atol=0.5001)
        assert third.descriptions == ("2017-08-24",)


def test_a_level_1c_stack_in_degrees(shared, tmp_path):
    am4cm("mask", shared / "lazio-l1c", tmp_path / "out.tif", "--bands", L1C)
    letters = (shared / "lazio-l1c" / "visual_datelabels.csv").read_text().splitlines()[1:]
    kind = {line.split(",")[1]: line.split(",")[2] for line in letters}
    with rasterio.open(tmp_path / "out.tif") as raster:
        assert raster.crs.to_epsg() == 4326
        flagged = (raster.read() >= 50).mean(axis=(1, 2))
        kinds = np.array([kind[name] for name in raster.descriptions])
    assert flagged[kinds == "K"].min() > 0.95
    assert flagged[kinds == "C"].max() < 0.1


def test_six_bands_in_files_of_their_own(shared, tmp_path):
    result = am4cm("mask", shared / "vosges-theia", tmp_path / "out.tif")
    assert b"no B05, B06, B07, B08" in result.stderr
    facts = json.loads(am4cm("info", tmp_path / "out.tif", "--json").stdout)
    assert len(facts["bands"]) == 187
    empty = [band for band in facts["bands"] if band["valid_share"] == 0]
    assert 90 <= len(empty) <= 92
