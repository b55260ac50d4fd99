"""The main job on real series: what the raster is, and how well it finds clouds drawn by eye."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rio_cogeo.cogeo import cog_validate
from sklearn.metrics import f1_score, roc_auc_score

from fuzzing import command

BENCH = Path(__file__).parents[1] / "bench"
L1C = "B01,B02,B03,B04,B05,B06,B07,B08,B8A,B09,B10,B11,B12"


def mask(*words):
    """Run `am4cm mask` in this process; what it said."""
    code, said = command("mask", *words)
    assert code == 0, said
    return said


def printed(*words):
    """What a command writes to standard output."""
    words = [sys.executable, "-m", "am4cm_cli", *map(str, words)]
    return subprocess.run(words, capture_output=True, check=True).stdout


@pytest.fixture(scope="module")
def flanders(shared, tmp_path_factory):
    return mask_flanders(shared, tmp_path_factory, "cloud")


@pytest.fixture(scope="module")
def flanders_unusable(shared, tmp_path_factory):
    return mask_flanders(shared, tmp_path_factory, "unusable")


def mask_flanders(shared, tmp_path_factory, target):
    out = tmp_path_factory.mktemp("flanders") / f"{target}.tif"
    options = "--dtype", "float32", "--target", target
    mask(shared / "flanders-2018" / "images", out, *options)
    return out


def probability(path):
    with rasterio.open(path) as raster:
        return raster.read()


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


def kinds_of(labels):
    return [set(np.unique(date)) - {255} for date in labels]


def calibration_error(truth, found):
    """In ten equal bins of probability, weighted by their pixels."""
    place = np.minimum((found * 10).astype(int), 9)
    bins = [place == number for number in range(10)]
    return sum(b.mean() * abs(found[b].mean() - truth[b].mean()) for b in bins if b.any())


# F1 at 50 % on all and on mixed dates.
BY_EYE = {"cloud": ((1, 2), 0.955, 0.945), "unusable": ((1, 2, 3), 0.945, 0.93)}


@pytest.mark.parametrize("target", BY_EYE)
def test_what_was_drawn_by_eye_is_found(shared, target, request):
    kinds, every, mixed = BY_EYE[target]
    fixture = "flanders" if target == "cloud" else "flanders_unusable"
    found = probability(request.getfixturevalue(fixture))
    labels = by_eye(shared)["labels"]
    for dates, least in (
        (np.ones(len(labels), bool), every),
        (np.array([len(date) > 1 for date in kinds_of(labels)]), mixed),
    ):
        used = np.isin(labels, (0, *kinds)) & dates[:, None, None]
        assert f1_score(labels[used] > 0, found[used] >= 0.5) >= least
        assert roc_auc_score(labels[used] > 0, found[used]) >= 0.975
    used = np.isin(labels, (0, *kinds))
    assert calibration_error(labels[used] > 0, found[used]) <= 0.05


def some_dates(shared, folder, chosen):
    """A stack of some of the dates, by links."""
    folder.mkdir()
    for date in np.array([str(date).replace("-", "") for date in by_eye(shared)["dates"]])[chosen]:
        name = f"S2_L2A_{date}.tif"
        (folder / name).symlink_to((shared / "flanders-2018" / "images" / name).resolve())
    return folder


def test_clear_dates_alone_are_hardly_flagged(shared, tmp_path):
    clear = np.array([date == {0} for date in kinds_of(by_eye(shared)["labels"])])
    stack = some_dates(shared, tmp_path / "in", clear)
    for target in BY_EYE:
        said = mask(stack, tmp_path / f"{target}.tif", "--target", target)
        assert (probability(tmp_path / f"{target}.tif") >= 50).mean() < 0.02
        assert "no clear sky" not in said


@pytest.mark.long
@pytest.mark.parametrize("kinds", [{1, 2}, {1}], ids=["thick or thin", "thick"])
def test_cloudy_dates_alone_are_warned_of(shared, tmp_path, kinds):
    cloudy = np.array([date <= kinds for date in kinds_of(by_eye(shared)["labels"])])
    stack = some_dates(shared, tmp_path / "in", cloudy)
    said = mask(stack, tmp_path / "out.tif")
    assert "there may be no clear sky to compare with" in said
    assert (probability(tmp_path / "out.tif") >= 50).mean() > 0.8


@pytest.mark.long
@pytest.mark.skipif(not shutil.which("gdalinfo"), reason="GDAL's own tools are not installed")
def test_gdals_own_tools_read_the_file_and_the_stream(shared, flanders, tmp_path):
    text = subprocess.run(["gdalinfo", flanders], capture_output=True, check=True, text=True).stdout
    assert "Description = 2017-08-04" in text
    stream = printed("mask", shared / "flanders-2018" / "images", "-")
    subprocess.run(
        ["gdal_translate", "-q", "-b", "3", "/vsistdin?buffer_limit=-1", tmp_path / "b3.tif"],
        input=stream,
        check=True,
    )
    with rasterio.open(tmp_path / "b3.tif") as third, rasterio.open(flanders) as whole:
        np.testing.assert_allclose(third.read(1), whole.read(3) * 100, atol=0.5001)
        assert third.descriptions == ("2017-08-24",)


@pytest.mark.long
def test_a_level_1c_stack_in_degrees(shared, tmp_path):
    mask(shared / "lazio-l1c", tmp_path / "out.tif", "--bands", L1C)
    letters = (shared / "lazio-l1c" / "visual_datelabels.csv").read_text().splitlines()[1:]
    kind = {line.split(",")[1]: line.split(",")[2] for line in letters}
    with rasterio.open(tmp_path / "out.tif") as raster:
        assert raster.crs.to_epsg() == 4326
        flagged = (raster.read() >= 50).mean(axis=(1, 2))
        kinds = np.array([kind[name] for name in raster.descriptions])
    assert flagged[kinds == "K"].min() > 0.95
    assert flagged[kinds == "C"].max() < 0.03


@pytest.mark.long
def test_six_bands_in_files_of_their_own(shared, tmp_path):
    said = mask(shared / "vosges-theia", tmp_path / "out.tif")
    assert "no B05, B06, B07, B08" in said
    facts = json.loads(printed("info", tmp_path / "out.tif", "--json"))
    assert len(facts["bands"]) == 187
    empty = [band for band in facts["bands"] if band["valid_share"] == 0]
    assert 90 <= len(empty) <= 92
    clear = (BENCH / "vosges_clear.csv").read_text().splitlines()[1:]
    dates = {line.split(",")[0] for line in clear}
    with rasterio.open(tmp_path / "out.tif") as raster:
        names, percent = raster.descriptions, raster.read()
    by_eye_clear = [
        (percent[t] >= 50) & (percent[t] != 255) for t in range(187) if names[t] in dates
    ]
    assert len(by_eye_clear) >= 20
    assert max(flagged.mean() for flagged in by_eye_clear) < 0.05


@pytest.mark.long
@pytest.mark.parametrize("cube", ["0", "1"])
def test_bright_dry_ground_is_not_flagged_for_ever(shared, tmp_path, cube):
    mask(shared / "iberia-4band" / cube, tmp_path / "out.tif", "--target", "unusable")
    percent = probability(tmp_path / "out.tif")
    seen = percent != 255
    flagged = ((percent >= 50) & seen).sum(axis=0) > 0.8 * seen.sum(axis=0)
    assert flagged.mean() < 0.02
