import json
import math

import numpy as np
import pytest

from am4cm_cli.errors import StackError
from am4cm_cli.reports.inspection import LONELY_DAYS, inspect_mask, inspect_stack
from am4cm_cli.reports.tables import mask_table, stack_table
from am4cm_cli.scores.counterfactual import CounterfactualConfig
from am4cm_cli.scores.kernels import REACH
from am4cm_cli.sensors import BAND_METRES
from am4cm_cli.stacks.discovery import find_stack
from stacks import every_days, random_dn, write_band_files, write_image, write_mask, write_stack
from terminal import shown


def problems(report):
    return {scene.name: list(scene.problems) for scene in report.scenes if scene.problems}


def test_stack_report(tmp_path):
    dn = random_dn((3, 2, 7, 5))
    dn[1, :, :2] = 0
    write_stack(tmp_path, bands=["B02", "B8A"], dn=dn)
    report = inspect_stack(find_stack(tmp_path))
    assert report.grid.shape == (7, 5)
    assert report.grid.crs == "EPSG:32631"
    assert report.grid.pixel_size == (10, 10)
    assert report.grid.transform == (10, 0, 500_000, 0, -10, 5_000_000)
    assert [scene.valid_share for scene in report.scenes] == [1, 5 / 7, 1]
    expected = np.median(dn[1, 1, 2:]) * 1e-4
    assert math.isclose(report.scenes[1].median_reflectance["B8A"], expected, rel_tol=1e-5)
    assert report.scenes[1].bands[1].index == 2
    assert report.scenes[1].files == (str(tmp_path / "S2_L2A_20180121.tif"),)
    assert problems(report) == {}


def test_report_is_json(tmp_path):
    ones = np.full((3, 1, 7, 5), 0.2, np.float32)
    write_stack(tmp_path, bands=["B02"], dn=ones, nodata=math.nan)
    told = json.loads(json.dumps(inspect_stack(find_stack(tmp_path)).to_dict(), allow_nan=False))
    assert told["scenes"][0]["bands"][0]["nodata"] == "nan"
    assert told["scenes"][0]["time"] == "2018-01-06T00:00:00"
    assert told["bands"] == ["B02"]


def test_problems_of_scenes(tmp_path):
    days = ["2018-01-01", "2018-01-06", "2018-01-11", "2018-01-16", "2018-08-01"]
    dn = random_dn((5, 2, 7, 5))
    dn[1] = 0
    dn[2, 1] = 0
    dn[3, 0, :4], dn[3, 1, 4:] = 0, 0
    write_stack(tmp_path, days=days, bands=["B02", "B8A"], dn=dn)
    write_image(
        tmp_path / "b_20180101.tif", dn[0], names=["B02", "B8A"], nodata=0, scale=1e-9, offset=0
    )
    report = inspect_stack(find_stack(tmp_path))
    found = problems(report)
    assert found["2018-01-06"] == ["no valid pixel"]
    assert found["2018-01-11"] == ["no valid pixel in B8A"]
    assert found["2018-01-16"] == ["no pixel is valid in all bands"]
    assert found["2018-08-01"] == ["no other scene within 75 days"]
    assert found["2018-01-01 S2_L2A_20180101"] == ["same day as another"]
    first, second = found["2018-01-01 b_20180101"]
    assert first.endswith("too dark; check the scale")
    assert second == "same day as another"


def test_lonely_scenes_are_those_without_an_answer(tmp_path):
    assert CounterfactualConfig().width * REACH == LONELY_DAYS
    days = ["2018-01-01", "2018-03-17", "2018-06-01"]
    dn = np.full((3, 1, 7, 5), 2000, np.uint16)
    write_stack(tmp_path, days=days, bands=["B02"], dn=dn)
    assert problems(inspect_stack(find_stack(tmp_path))) == {
        "2018-06-01": ["no other scene within 75 days"]
    }


def test_bands_that_a_mask_does_not_see_decide_nothing(tmp_path):
    bands = tuple(BAND_METRES)
    dn = random_dn((3, 13, 7, 5))
    dn[:, bands.index("B10"), :4] = 0
    dn[:, bands.index("B09")] = 0
    dn[0, bands.index("B11"), :, 0] = 0
    write_stack(tmp_path, bands=bands, dn=dn)
    report = inspect_stack(find_stack(tmp_path))
    assert [scene.valid_share for scene in report.scenes] == [4 / 5, 1, 1]
    assert problems(report) == {}
    medians = report.scenes[0].median_reflectance
    assert list(medians) == [band for band in bands if band != "B09"]
    expected = np.median(dn[0, bands.index("B10"), 4:, 1:]) * 1e-4
    assert math.isclose(medians["B10"], expected, rel_tol=1e-5)


def test_a_stack_without_land_bands_is_judged_by_all_it_has(tmp_path):
    dn = random_dn((3, 2, 7, 5))
    dn[1, 1, :, 0] = 0
    write_stack(tmp_path, bands=["B01", "B10"], dn=dn)
    report = inspect_stack(find_stack(tmp_path))
    assert [scene.valid_share for scene in report.scenes] == [1, 4 / 5, 1]


def test_scenes_of_a_day_take_one_line_each(tmp_path):
    for name in ("tile_a_20180106", "tile_b_20180106"):
        write_image(tmp_path / f"{name}.tif", random_dn((1, 3, 2)), names=["B02"])
    table = stack_table(inspect_stack(find_stack(tmp_path)))
    rows = [line for line in shown(table).splitlines() if "same day as another" in line]
    assert [row.split()[1] for row in rows] == ["tile_a_20180106", "tile_b_20180106"]


def test_one_is_not_many(tmp_path):
    write_stack(tmp_path, days=["2018-01-06"], bands=["B02"])
    text = shown(stack_table(inspect_stack(find_stack(tmp_path))))
    assert "1 scene, 2018-01-06 to 2018-01-06" in text
    assert "in 1 file\n" in "".join(line.rstrip() + "\n" for line in text.splitlines())


def test_floats_that_are_no_reflectance(tmp_path):
    write_stack(tmp_path, dn=random_dn((3, 10, 7, 5)).astype(np.float32))
    found = problems(inspect_stack(find_stack(tmp_path)))
    assert len(found) == 3
    assert all(texts[0].endswith("too bright; check the scale") for texts in found.values())


def test_large_rasters_are_sampled(tmp_path):
    dn = np.full((1, 1, 1000, 1200), 2000, np.uint16)
    dn[:, :, 500:] = 0
    write_stack(tmp_path, days=["2018-01-06"], bands=["B02"], dn=dn)
    scene = inspect_stack(find_stack(tmp_path)).scenes[0]
    assert scene.valid_share == 0.5
    assert math.isclose(scene.median_reflectance["B02"], 0.2, rel_tol=1e-6)


def test_stack_table_fits_eighty_columns(tmp_path):
    days = every_days(118)
    dn = random_dn((118, 2, 3, 2))
    dn[7] = 0
    write_stack(tmp_path, days=days, bands=["B02", "SCL"], dn=dn)
    table = stack_table(inspect_stack(find_stack(tmp_path)))
    lines = shown(table).splitlines()
    assert max(map(len, lines)) <= 80
    assert sum(line.startswith(tuple(days)) for line in lines) == 118
    row = next(line for line in lines if line.startswith(days[7]))
    assert row.split() == [days[7], "0", "-", "no", "valid", "pixel"]
    text = " ".join(shown(table).split())
    assert "118 scenes, 2018-01-01 to 2019-08-09, 117 with valid pixels, in 118 files" in text
    assert "pixels of 10, reflectance = dn x 0.0001: B02" in text
    assert "Band 'SCL' passed over in 118 files." in text


def test_table_tells_resolutions_and_offsets(tmp_path):
    write_band_files(tmp_path, scale=2e-4, offset=-0.1)
    text = shown(stack_table(inspect_stack(find_stack(tmp_path))), width=120)
    assert "pixels of 10, reflectance = dn x 0.0002 - 0.1: B02 B04" in text
    assert "pixels of 20, reflectance = dn x 0.0002 - 0.1: B11" in text
    assert "in 3 files" in text


# Masks.


@pytest.fixture
def masked(tmp_path):
    write_stack(tmp_path / "in", shape=(300, 5), bands=["B02"])
    percent = np.zeros((3, 300, 5), np.uint8)
    percent[0, :100], percent[0, 290:] = 50, 255
    percent[1] = 255
    percent[2] = 49
    stack = find_stack(tmp_path / "in")
    tags = {"AM4CM_WEIGHTS": "ltae-1", "OTHER": "x"}
    return write_mask(tmp_path / "mask.tif", stack, percent, tags=tags)


def test_mask_report(masked):
    report = inspect_mask(masked)
    assert (report.version, report.method, report.weights) == ("0.1.0", "counterfactual", "ltae-1")
    assert "OTHER" not in report.tags
    assert report.grid.shape == (300, 5)
    first, second, third = report.bands
    assert (first.name, second.name, third.name) == ("2018-01-06", "2018-01-21", "2018-03-07")
    assert math.isclose(first.valid_share, 290 / 300)
    assert math.isclose(first.cloud_share, 100 / 290)
    assert math.isclose(first.mean_probability, 0.5 * 100 / 290)
    assert (second.valid_share, second.cloud_share, second.mean_probability) == (0, None, None)
    assert (third.valid_share, third.cloud_share) == (1, 0)
    assert math.isclose(third.mean_probability, 0.49)
    json.dumps(report.to_dict(), allow_nan=False)


def test_mask_table(masked):
    lines = shown(mask_table(inspect_mask(masked))).splitlines()
    rows = [line.split()[:4] for line in lines if line.startswith("2018")]
    assert rows == [
        ["2018-01-06", "97", "34", "17"],
        ["2018-01-21", "0", "-", "-"],
        ["2018-03-07", "100", "0", "49"],
    ]
    assert max(map(len, lines)) <= 80


def test_what_is_no_mask(tmp_path):
    path = write_image(tmp_path / "image.tif", random_dn((1, 3, 2)))
    with pytest.raises(StackError, match=r"image\.tif: is no mask by am4cm"):
        inspect_mask(path)
    path.write_bytes(b"II*\0")
    with pytest.raises(StackError, match=r"image\.tif: cannot be opened"):
        inspect_mask(path)


def test_damaged_mask(masked):
    whole = masked.read_bytes()
    masked.write_bytes(whole[: len(whole) - 100])
    with pytest.raises(StackError, match=r"mask\.tif: its pixels cannot be read"):
        inspect_mask(masked)
