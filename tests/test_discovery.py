import os
import shutil
import warnings
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from affine import Affine

from am4cm_cli.errors import StackError, UnreadableError
from am4cm_cli.sensors import BAND_METRES, LAND_BANDS
from am4cm_cli.stacks.discovery import find_stack
from am4cm_cli.stacks.headers import read_header
from am4cm_cli.stacks.options import StackOptions
from stacks import CORNER, DAYS, random_dn, write_band_files, write_image, write_mask, write_stack

FOUR = ("B02", "B03", "B04", "B08")


def names(stack):
    return [scene.name for scene in stack.scenes]


def test_multi_band_images(tmp_path):
    write_stack(tmp_path, shape=(7, 5))
    stack = find_stack(tmp_path)
    assert names(stack) == list(DAYS)
    assert stack.bands == LAND_BANDS
    assert stack.grid.shape == (7, 5)
    assert stack.grid.transform == CORNER
    assert stack.grid.crs.to_epsg() == 32631
    assert stack.days.tolist() == [17537, 17552, 17597]
    assert stack.notes == ()
    file = stack.scenes[1].bands["B8A"]
    assert file.path.name == "S2_L2A_20180121.tif"
    assert (file.index, file.factor, file.scale, file.offset, file.nodata) == (8, 1, 1e-4, 0, 0)


def test_bands_are_put_in_the_sensors_order(tmp_path):
    write_stack(tmp_path, bands=["swir16", "B8A", "blue"])
    stack = find_stack(tmp_path)
    assert stack.bands == ("B02", "B8A", "B11")
    assert [stack.scenes[0].bands[band].index for band in stack.bands] == [3, 2, 1]


def test_folder_of_images_inside(tmp_path):
    write_stack(tmp_path / "images")
    write_image(tmp_path / "labels.tif", random_dn((1, 7, 5)))
    assert len(find_stack(tmp_path).scenes) == 3


def test_folder_of_images_without_images(tmp_path):
    write_stack(tmp_path)
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "preview.png").touch()
    assert len(find_stack(tmp_path).scenes) == 3


def test_other_folders_and_hidden_files_are_not_images(tmp_path):
    write_stack(tmp_path)
    write_image(tmp_path / "scl" / "20180106.tif", random_dn((1, 7, 5)))
    write_image(tmp_path / ".S2_20190101.tif", random_dn((1, 7, 5)))
    (tmp_path / "notes.csv").write_text("x")
    assert len(find_stack(tmp_path).scenes) == 3


def test_glob_list_and_single_raster(tmp_path):
    write_stack(tmp_path / "there")
    assert names(find_stack(f"{tmp_path}/there/*201801*.tif")) == list(DAYS[:2])
    assert names(find_stack(tmp_path / "there" / "S2_L2A_20180121.tif")) == ["2018-01-21"]
    listing = tmp_path / "list.txt"
    listing.write_text(
        f"# two of three\n\n{tmp_path}/there/S2_L2A_20180307.tif\nthere/S2_L2A_20180106.tif\n"
    )
    assert names(find_stack(listing)) == ["2018-01-06", "2018-03-07"]


def test_file_listed_twice_is_read_once(tmp_path):
    write_stack(tmp_path)
    listing = tmp_path / "list.txt"
    first = tmp_path / "S2_L2A_20180106.tif"
    listing.write_text(f"{first}\n{tmp_path}/../{tmp_path.name}/{first.name}\n")
    stack = find_stack(listing)
    assert names(stack) == ["2018-01-06"]
    assert "more than once" in stack.notes[0]


def test_list_that_names_nothing_or_what_is_not_there(tmp_path):
    (tmp_path / "list.txt").write_text("gone_20180101.tif\n")
    with pytest.raises(StackError, match=r"gone_20180101\.tif: named in .*list\.txt"):
        find_stack(tmp_path / "list.txt")
    (tmp_path / "list.txt").write_text("\n# nothing\n")
    with pytest.raises(StackError, match=r"list\.txt: names no file"):
        find_stack(tmp_path / "list.txt")


def test_masks_of_am4cm_are_passed_over(tmp_path):
    write_stack(tmp_path)
    stack = find_stack(tmp_path)
    write_mask(tmp_path / "mask_20180601.tif", stack, np.zeros((3, 7, 5), np.uint8))
    again = find_stack(tmp_path)
    assert again.scenes == stack.scenes
    assert again.notes[0].startswith("1 file written by am4cm itself passed over")
    shutil.copy(tmp_path / "mask_20180601.tif", tmp_path / "copy.txt")
    with pytest.raises(StackError, match=r"holds no images.*written by am4cm itself"):
        find_stack(tmp_path / "mask_20180601.tif")


# Bands of multi-band files.


def test_given_band_names(tmp_path):
    write_stack(tmp_path, bands=[None] * 4, dn=random_dn((3, 4, 7, 5)))
    stack = find_stack(tmp_path, StackOptions(band_names=["blue", "B3", "B04", "nir"]))
    assert stack.bands == FOUR
    assert stack.scenes[0].bands["B08"].index == 4


@pytest.mark.parametrize(
    ("count", "example"), [(4, "B02,B03,B04,B08"), (10, ",".join(LAND_BANDS)), (20, ",...")]
)
def test_nameless_bands(tmp_path, count, example):
    path = write_image(tmp_path / "a_20180101.tif", random_dn((count, 3, 2)))
    with pytest.raises(StackError, match=f"its {count} bands have no names") as error:
        find_stack(tmp_path)
    assert str(path) in str(error.value)
    assert f"--bands {example}" in str(error.value) or example in str(error.value)


def test_example_for_a_whole_level_1_product(tmp_path):
    write_image(tmp_path / "a_20180101.tif", random_dn((13, 3, 2)))
    with pytest.raises(StackError, match=",".join(BAND_METRES)):
        find_stack(tmp_path)


def test_names_that_mean_nothing(tmp_path):
    write_image(tmp_path / "a_20180101.tif", random_dn((2, 3, 2)), names=["Band 1", "lyr.2"])
    with pytest.raises(StackError, match=r"its 2 bands have no known names \(found Band 1, lyr\.2"):
        find_stack(tmp_path)


def test_one_nameless_band(tmp_path):
    write_image(tmp_path / "a_20180101.tif", random_dn((1, 3, 2)))
    with pytest.raises(StackError, match=r"its only band has no name; .*--bands B02\."):
        find_stack(tmp_path)
    with pytest.raises(StackError, match="has 1 band, but 2 band names were given"):
        find_stack(tmp_path, StackOptions(band_names=["B02", "B03"]))


def test_file_that_lost_its_names(tmp_path):
    write_stack(tmp_path)
    bad = tmp_path / "S2_L2A_20180121.tif"
    write_image(bad, random_dn((10, 7, 5)), nodata=0)
    with pytest.raises(StackError, match="may be cut short or damaged") as error:
        find_stack(tmp_path)
    assert str(error.value).startswith(f"{bad}: its 10 bands have no names, though S2_L2A_20180106")
    assert "--bands" not in str(error.value)


def test_labels_fields_and_truth_beside_the_images(tmp_path):
    write_stack(tmp_path)
    images = find_stack(tmp_path).scenes
    write_image(tmp_path / "labels.tif", random_dn((1, 7, 5)), names=["class"])
    write_image(tmp_path / "Fields.TIF", random_dn((1, 7, 5)).astype(np.int32))
    write_image(tmp_path / "truth.tif", random_dn((3, 7, 5)).astype(np.uint8), names=DAYS)
    stack = find_stack(tmp_path)
    assert stack.scenes == images
    assert stack.notes[0].startswith("3 files of labels, fields or truth passed over, such as ")
    assert find_stack(tmp_path, StackOptions(band_names=LAND_BANDS)).scenes == images
    with pytest.raises(StackError, match=r"holds no images\. 1 file of labels"):
        find_stack(tmp_path / "labels.tif")


def test_image_of_floats_or_known_bands_is_no_label(tmp_path):
    tags = {"TIFFTAG_DATETIME": "2018:01:06 10:53:28"}
    write_image(tmp_path / "truth.tif", random_dn((1, 7, 5)), names=["B02"], tags=tags)
    assert len(find_stack(tmp_path).scenes) == 1
    write_image(tmp_path / "truth.tif", np.ones((1, 7, 5), np.float32), tags=tags)
    assert len(find_stack(tmp_path, StackOptions(band_names=["B02"])).scenes) == 1


def test_unknown_bands_are_passed_over(tmp_path):
    write_stack(tmp_path, bands=["B02", "SCL", None, "B04"], dn=random_dn((3, 4, 7, 5)))
    stack = find_stack(tmp_path)
    assert stack.bands == ("B02", "B04")
    assert stack.notes == (
        "Band 'SCL' passed over in 3 files.",
        "Band 'without a name' passed over in 3 files.",
    )


def test_band_named_twice_in_a_file(tmp_path):
    write_stack(tmp_path, bands=["B02", "blue"])
    with pytest.raises(StackError, match=r"S2_L2A_20180106\.tif: more than one band is named B02"):
        find_stack(tmp_path)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["B02", "B03", "BO4", "B08"], r"'BO4' is not .* known are B01, .*Did you mean B04\?"),
        (["B02", "B03", "ultraviolet", "B08"], "'ultraviolet' is not a Sentinel-2 band"),
        (["B02", "B03", "B2", "B08"], "B02 comes more than once"),
        (["B02", "B03"], r"S2_L2A_20180106\.tif: has 4 bands, but 2 band names were given"),
    ],
)
def test_bad_band_names(tmp_path, given, message):
    write_stack(tmp_path, bands=FOUR)
    with pytest.raises(StackError, match=message):
        find_stack(tmp_path, StackOptions(band_names=given))


def test_scene_that_lacks_a_band(tmp_path):
    write_stack(tmp_path, days=DAYS[:2], bands=FOUR)
    write_stack(tmp_path, days=DAYS[2:], bands=["B02", "B08"])
    with pytest.raises(StackError) as error:
        find_stack(tmp_path)
    message = str(error.value)
    assert message.startswith("S2_L2A_20180307: no file or band for B03, B04; found B02, B08")
    assert "2 of 3 have B03" in message


# One file per band.


def test_band_files(tmp_path):
    write_band_files(tmp_path, day="2018-01-21", seed=1)
    write_band_files(tmp_path / "below", day="2018-01-06", seed=2)
    stack = find_stack(tmp_path)
    assert names(stack) == ["2018-01-06", "2018-01-21"]
    assert stack.bands == ("B02", "B04", "B11")
    assert stack.grid.shape == (6, 4)
    assert [file.factor for file in stack.scenes[0].bands.values()] == [1, 1, 2]
    assert all("below" in str(file.path) for file in stack.scenes[0].bands.values())


def test_band_files_without_their_finest_band(tmp_path):
    write_band_files(tmp_path, bands=["B05", "B11"])
    stack = find_stack(tmp_path)
    assert stack.grid.shape == (3, 2)
    assert stack.grid.transform.a == 20


def test_theia(tmp_path):
    stem = "SENTINEL2A_{day}-105022-461_L2A_T31UFQ_C_V2-2"
    for kind in ("SRE", "FRE"):
        pattern = f"{stem}/{stem}_{kind}_{{band}}.tif"
        for band, spelt in (("B02", "B2"), ("B8A", "B8A"), ("B12", "B12")):
            write_band_files(tmp_path, bands=[band], pattern=pattern.replace("{band}", spelt))
    write_image(tmp_path / stem / "MASKS" / f"{stem}_B2.tif", random_dn((1, 3, 2)))
    write_image(tmp_path / stem / f"{stem}_ATB_R1.tif", random_dn((1, 3, 2)))
    write_image(tmp_path / "overview.tif", random_dn((1, 3, 2)))
    stack = find_stack(tmp_path)
    assert names(stack) == ["2018-01-06"]
    assert stack.scenes[0].time == datetime(2018, 1, 6, 10, 50, 22)
    assert stack.bands == ("B02", "B8A", "B12")
    assert all("_FRE_" in file.path.name for file in stack.scenes[0].bands.values())
    first, second = stack.notes
    assert first.startswith("3 files of SRE")
    assert second.startswith("1 file without a band in the name passed over")


def test_finest_of_several_resolutions(tmp_path):
    pattern = "T31UFQ_{day}T105022_{band}_10m.tif"
    write_band_files(tmp_path / "R10m", bands=["B02"], pattern=pattern)
    coarse = random_dn((1, 3, 2))
    for band in ("B02", "B11"):
        path = tmp_path / "R20m" / f"T31UFQ_20180106T105022_{band}_20m.tif"
        write_image(path, coarse, transform=CORNER @ Affine.scale(2))
    stack = find_stack(tmp_path)
    assert [file.factor for file in stack.scenes[0].bands.values()] == [1, 2]
    assert stack.scenes[0].time == datetime(2018, 1, 6, 10, 50, 22)


def test_folder_per_date_with_bare_band_names(tmp_path):
    for day in DAYS:
        write_band_files(tmp_path / day, pattern="{band}.tif")
    assert names(find_stack(tmp_path)) == list(DAYS)


@pytest.mark.parametrize("name", ["S2_{band}.tif", "T31_{band}_10m.tif"])
def test_folder_per_date_with_the_same_names(tmp_path, name):
    for day in DAYS:
        folder = tmp_path / day.replace("-", "")
        tags = {"TIFFTAG_DATETIME": "2024:01:01 01:01:01"}
        write_band_files(folder, bands=["B02", "B04"], pattern=name, tags=tags)
    stack = find_stack(tmp_path)
    assert names(stack) == list(DAYS)
    assert stack.notes == ()
    assert stack.scenes[1].bands["B04"].path.parent.name == "20180121"


def test_folder_of_several_scenes_does_not_date_them(tmp_path):
    for name in ("first_{band}.tif", "second_{band}.tif"):
        write_band_files(tmp_path / "export_20240101", bands=["B02"], pattern=name)
    with pytest.raises(StackError, match=r"first_B02\.tif: no date in its name"):
        find_stack(tmp_path)
    table = tmp_path / "dates.csv"
    table.write_text("first,2018-06-01\nsecond,2018-07-01\n")
    assert names(find_stack(tmp_path, StackOptions(dates=table))) == ["2018-06-01", "2018-07-01"]


def test_two_files_of_one_band(tmp_path):
    for folder in ("a", "b"):
        write_band_files(tmp_path / folder, bands=["B02"])
    with pytest.raises(StackError, match=r"b/S2_20180106_B02\.tif: S2_20180106 has B02 already"):
        find_stack(tmp_path)


def test_band_file_with_more_bands(tmp_path):
    write_image(tmp_path / "S2_20180106_B02.tif", random_dn((3, 4, 2)))
    with pytest.raises(StackError, match=r"S2_20180106_B02\.tif: has 3 bands"):
        find_stack(tmp_path)


def test_missing_band_file(tmp_path):
    write_band_files(tmp_path, day="2018-01-06")
    write_band_files(tmp_path, day="2018-01-21", bands=["B02", "B04"])
    with pytest.raises(StackError, match="S2_20180121: no file or band for B11; found B02, B04"):
        find_stack(tmp_path)


# Dates.


def test_scenes_are_in_order_of_time_not_of_names(tmp_path):
    for place, day in enumerate(reversed(DAYS)):
        write_image(tmp_path / f"{place}_{day}_patch_0.tif", random_dn((1, 3, 2)), names=["B02"])
    assert names(find_stack(tmp_path)) == list(DAYS)


def test_tag_gives_the_time_of_day(tmp_path):
    write_stack(tmp_path, days=["2018-01-06"], tags={"TIFFTAG_DATETIME": "2018:01:06 10:53:28"})
    write_stack(tmp_path, days=["2018-01-21"], tags={"TIFFTAG_DATETIME": "2024:01:01 01:01:01"})
    assert [scene.time for scene in find_stack(tmp_path).scenes] == [
        datetime(2018, 1, 6, 10, 53, 28),
        datetime(2018, 1, 21),
    ]


def test_tag_gives_the_date_where_the_name_has_none(tmp_path):
    tags = {"TIFFTAG_DATETIME": "2018:01:06 10:53:28"}
    write_image(tmp_path / "scene.tif", random_dn((1, 3, 2)), names=["B02"], tags=tags)
    stack = find_stack(tmp_path)
    assert stack.scenes[0].time == datetime(2018, 1, 6, 10, 53, 28)
    assert stack.notes[0].startswith("1 of 1 scenes are dated by the DateTime tag")


def test_two_scenes_of_a_day(tmp_path):
    for name in ("S2_20180106T105022", "S2_20180106T103012", "S2_20180109"):
        write_image(tmp_path / f"{name}.tif", random_dn((1, 3, 2)), names=["B02"])
    assert names(find_stack(tmp_path)) == [
        "2018-01-06T10:30:12",
        "2018-01-06T10:50:22",
        "2018-01-09",
    ]


def test_two_scenes_of_unknown_time_on_a_day(tmp_path):
    for name in ("a_20180106", "b_20180106", "c_20180109"):
        write_image(tmp_path / f"{name}.tif", random_dn((1, 3, 2)), names=["B02"])
    assert names(find_stack(tmp_path)) == [
        "2018-01-06 a_20180106",
        "2018-01-06 b_20180106",
        "2018-01-09",
    ]


def test_two_scenes_of_the_same_name(tmp_path):
    for folder in "ab":
        write_image(tmp_path / folder / "20180106.tif", random_dn((1, 3, 2)), names=["B02"])
    found = names(find_stack(f"{tmp_path}/*/*.tif"))
    assert len(set(found)) == 2
    assert all(name.startswith("2018-01-06 ") for name in found)


def test_no_date(tmp_path):
    path = write_image(tmp_path / "scene_20181332.tif", random_dn((1, 3, 2)), names=["B02"])
    with pytest.raises(StackError, match=r"no date in its name.*--dates dates\.csv") as error:
        find_stack(tmp_path)
    assert str(error.value).startswith(f"{path}: ")


def test_table_of_dates(tmp_path):
    for name in ("first", "second", "third_20180301"):
        write_image(tmp_path / "in" / f"{name}.tif", random_dn((1, 3, 2)), names=["B02"])
    table = tmp_path / "dates.csv"
    table.write_text("file,date\nfirst.tif,2018-06-01\nin/second.tif,2018-05-01T10:00:00\n")
    stack = find_stack(tmp_path / "in", StackOptions(dates=table))
    assert names(stack) == ["2018-03-01", "2018-05-01", "2018-06-01"]
    table.write_text("third_20180301,2018-07-01\nfirst.tif,2018-06-01\n")
    with pytest.raises(StackError, match=r"second\.tif: no date in its name or .*dates\.csv"):
        find_stack(tmp_path / "in", StackOptions(dates=table))


def test_table_outweighs_a_name(tmp_path):
    write_image(tmp_path / "made_20240101.tif", random_dn((1, 3, 2)), names=["B02"])
    table = tmp_path / "dates.csv"
    table.write_text("made_20240101,2018-07-01\n")
    assert names(find_stack(tmp_path, StackOptions(dates=table))) == ["2018-07-01"]


def test_table_with_rows_of_no_image_and_rows_twice(tmp_path):
    write_stack(tmp_path)
    table = tmp_path / "dates.csv"
    first, second = "S2_L2A_20180106.tif", "S2_L2A_20180121.tif"
    table.write_text(f"{first},2018-06-01\n{first},2018-06-02\ntypo.tif,2018-01-01\n")
    stack = find_stack(tmp_path, StackOptions(dates=table))
    assert names(stack) == ["2018-01-21", "2018-03-07", "2018-06-02"]
    assert stack.notes == (
        f"{table}: 1 row names no image here, such as 'typo.tif'.",
        f"{table}: '{first}' listed more than once; the last row counts.",
    )
    table.write_text(f"{second},2018-06-01\n{first},2018-06-02\n")
    assert find_stack(tmp_path, StackOptions(dates=table)).notes == ()


def test_table_may_begin_with_the_label_of_a_scene(tmp_path):
    write_image(tmp_path / "monday.tif", random_dn((1, 3, 2)), names=["B02"])
    table = tmp_path / "dates.csv"
    table.write_text("monday,soon\n")
    with pytest.raises(StackError, match="row 1 is 'monday,soon'"):
        find_stack(tmp_path, StackOptions(dates=table))


# Grids.


@pytest.mark.parametrize(
    "change",
    [
        {"transform": CORNER @ Affine.translation(1, 0)},
        {"transform": CORNER @ Affine.translation(0, 0.1)},
        {"transform": CORNER @ Affine.scale(2)},
        {"transform": CORNER @ Affine.rotation(1)},
        {"crs": "EPSG:32632"},
        {"crs": None},
        {"dn": random_dn((1, 1, 7, 6))},
        {"dn": random_dn((1, 1, 14, 10)), "transform": CORNER @ Affine.scale(0.5)},
    ],
)
@pytest.mark.parametrize("odd", DAYS)
def test_the_odd_one_is_named(tmp_path, change, odd):
    for day in DAYS:
        write_stack(tmp_path, days=[day], bands=["B02"], **(change if day == odd else {}))
    with pytest.raises(StackError, match="lies on another grid") as error:
        find_stack(tmp_path)
    name = f"S2_L2A_{odd.replace('-', '')}.tif"
    assert str(error.value).startswith(f"{tmp_path / name}: ")
    assert "expected 5 x 7 pixels of 10 x 10 at (500000, 5000000), EPSG:32631" in str(error.value)


def test_corners_within_a_hundredth_of_a_pixel_are_the_same(tmp_path):
    write_stack(tmp_path, days=DAYS[:2])
    write_stack(tmp_path, days=DAYS[2:], transform=CORNER @ Affine.translation(0.01, 0))
    assert find_stack(tmp_path).grid.transform == CORNER


@pytest.mark.parametrize(
    ("crs", "transform"),
    [
        ("EPSG:4326", Affine(9e-5, 0, 12.7, 0, -9e-5, 42)),
        ("EPSG:32631", Affine.translation(5e5, 5e6) @ Affine.rotation(30) @ Affine.scale(10, -10)),
    ],
)
def test_degrees_and_rotation(tmp_path, crs, transform):
    write_stack(tmp_path, crs=crs, transform=transform)
    grid = find_stack(tmp_path).grid
    assert grid.transform.almost_equals(transform, 1e-9)
    assert grid.crs.to_string() == crs


def test_no_georeference(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        write_stack(tmp_path, crs=None, transform=None)
    stack = find_stack(tmp_path)
    assert not stack.grid.crs
    assert "not georeferenced" in stack.notes[0]


# Radiometry.


def radiometry(stack):
    file = stack.scenes[0].bands["B02"]
    return file.scale, file.offset


def test_scale_and_offset(tmp_path):
    integers, floats, scaled = tmp_path / "integers", tmp_path / "floats", tmp_path / "scaled"
    write_stack(integers, bands=["B02"])
    write_stack(floats, bands=["B02"], dn=np.ones((3, 1, 7, 5), np.float32), nodata=None)
    write_stack(scaled, bands=["B02"], scale=2e-4, offset=-0.1)
    assert radiometry(find_stack(integers)) == (1e-4, 0)
    assert radiometry(find_stack(floats)) == (1, 0)
    assert radiometry(find_stack(scaled)) == (2e-4, -0.1)
    assert radiometry(find_stack(integers, StackOptions(offset=-0.1))) == (1e-4, -0.1)
    assert radiometry(find_stack(floats, StackOptions(scale=0.5, offset=0.1))) == (0.5, 0.1)
    told = find_stack(scaled, StackOptions(offset=0))
    assert radiometry(told) == (2e-4, 0)
    assert radiometry(find_stack(scaled, StackOptions(scale=1e-4))) == (1e-4, -0.1)
    assert told.notes[0].startswith("3 of 3 scenes carry their own scale and offset")


def test_impossible_scale_and_offset(tmp_path):
    write_stack(tmp_path)
    with pytest.raises(StackError, match="Scale 0"):
        find_stack(tmp_path, StackOptions(scale=0))
    with pytest.raises(StackError, match=r"Offset -1000.* -0\.1"):
        find_stack(tmp_path, StackOptions(offset=-1000))


# What is no stack.


def test_empty_folder(tmp_path):
    with pytest.raises(StackError, match=r"found no \.tif") as error:
        find_stack(tmp_path)
    assert str(tmp_path) in str(error.value)


def test_folder_whose_sub_folders_hold_images(tmp_path):
    write_stack(tmp_path / "here" / "deep")
    with pytest.raises(StackError, match="its sub-folders here/deep do"):
        find_stack(tmp_path)


@pytest.mark.parametrize("source", ["nowhere", "nowhere/*.tif", "nowhere.tif"])
def test_nothing_there(tmp_path, source):
    with pytest.raises(StackError, match=r"nowhere.*: no such file or folder"):
        find_stack(tmp_path / source)


@pytest.mark.parametrize("content", [b"", b"II*\0", b"no raster at all"])
def test_file_that_is_no_raster(tmp_path, content):
    write_stack(tmp_path)
    bad = tmp_path / "S2_L2A_20180115.tif"
    bad.write_bytes(content)
    with pytest.raises(StackError, match="cannot be opened as a raster") as error:
        find_stack(tmp_path)
    assert str(error.value).startswith(f"{bad}: ")


def test_an_image_that_may_not_be_read_is_to_be_made_readable(tmp_path, monkeypatch):
    write_image(tmp_path / "a.tif", random_dn(shape=(2, 3, 4)))
    (tmp_path / "a.tif").chmod(0)
    tmp_path.chmod(0o755)
    # Root may read everything, so be nobody; named relative to itself, as the test's folder is not
    # open to others.
    monkeypatch.chdir(tmp_path)
    user = os.geteuid()
    try:
        if user == 0:
            os.seteuid(65534)
        with pytest.raises(UnreadableError, match="make it readable") as error:
            read_header(Path("a.tif"))
    finally:
        os.seteuid(user)
    assert "emove it" not in str(error.value)


def test_header_that_is_cut_off(tmp_path):
    write_stack(tmp_path)
    bad = tmp_path / "S2_L2A_20180121.tif"
    bad.write_bytes(bad.read_bytes()[:100])
    with pytest.raises(StackError, match=r"S2_L2A_20180121\.tif: cannot be opened"):
        find_stack(tmp_path)


def test_source_is_kept(tmp_path):
    write_stack(tmp_path)
    assert find_stack(str(tmp_path)).source == str(tmp_path)
    assert find_stack(Path(tmp_path)).source == str(tmp_path)


@pytest.mark.parametrize("down", [Affine(10, 0, 5e5, 0, 0, 5e6), Affine(10, 10, 5e5, 10, 10, 5e6)])
def test_pixels_without_any_size_are_refused(tmp_path, down):
    write_stack(tmp_path, transform=down)
    with pytest.raises(StackError, match="its pixels have no size or place"):
        find_stack(tmp_path)
