"""Who decides how numbers become reflectance, and what a user is told of it."""

import json
import shutil
import sys

import numpy as np
import pytest
import rasterio
import torch

from am4cm_cli.app import main
from am4cm_cli.errors import EarlierError, StackError
from am4cm_cli.masking import mask_stack
from am4cm_cli.orders import Basis, MaskConfig, MaskFiles
from am4cm_cli.reports.inspection import inspect_stack
from am4cm_cli.reports.tables import product_table, stack_table
from am4cm_cli.stacks.discovery import find_stack
from am4cm_cli.stacks.options import StackOptions
from cloudy import DATES, bright_weights, write_cloudy
from safe import Made, write_safe
from stacks import DAYS, every_days, random_dn, write_image, write_stack
from terminal import shown

NAME = "S2A_MSIL2A_{day}T105421_N{baseline}_R051_T31UFQ_20300101T000000"

DN = random_dn((1, 3, 2))


def image(folder, baseline, *, day="20220301", dtype=np.uint16, **how):
    name = NAME.format(day=day, baseline=baseline)
    dn = random_dn((1, 3, 2)).astype(dtype)
    return write_image(folder / f"{name}.tif", dn, names=["B02"], **how)


def conversion(source, **given):
    """(scale, offset) and who says so, of the only scene."""
    (scene,) = find_stack(source, StackOptions(**given)).scenes
    file = scene.bands["B02"]
    return (file.scale, file.offset), (file.scale_from, file.offset_from)


def test_the_order_of_evidence(tmp_path):
    usual = write_image(tmp_path / "a_20180301.tif", random_dn((1, 3, 2)), names=["B02"])
    assert conversion(usual) == ((1e-4, 0), ("as usual", "as usual"))
    named = image(tmp_path / "named", "0400")
    assert conversion(named) == ((1e-4, -0.1), ("as usual", "baseline 04.00"))
    own = image(tmp_path / "own", "0400", scale=2e-4, offset=-0.2)
    assert conversion(own) == ((2e-4, -0.2), ("the file", "the file"))
    assert conversion(own, offset=0) == ((2e-4, 0), ("the file", "--offset"))
    assert conversion(named, scale=1e-3) == ((1e-3, -0.1), ("--scale", "baseline 04.00"))
    made = Made(level="L2A", baseline="05.11", day="2023-04-05")
    safe = write_safe(tmp_path / "safe", made, {"B02": random_dn((12, 6))})
    assert conversion(safe) == ((1e-4, -0.1), ("MTD_MSIL2A.xml", "MTD_MSIL2A.xml"))
    assert conversion(safe, offset=0)[0] == (1e-4, 0)


@pytest.mark.parametrize(
    ("baseline", "offset", "who"),
    [
        ("0209", 0, "baseline 02.09"),
        ("0301", 0, "baseline 03.01"),
        ("0400", -0.1, "baseline 04.00"),
        ("0511", -0.1, "baseline 05.11"),
        ("9999", 0, "as usual"),
    ],
)
def test_baselines_in_names(tmp_path, baseline, offset, who):
    image(tmp_path, baseline)
    assert conversion(tmp_path) == ((1e-4, offset), ("as usual", who))


def test_a_baseline_says_nothing_of_floats(tmp_path):
    image(tmp_path, "0400", dtype=np.float32)
    assert conversion(tmp_path) == ((1, 0), ("as usual", "as usual"))


def test_a_baseline_of_the_folder_around(tmp_path):
    folder = tmp_path / f"{NAME.format(day='20220301', baseline='0400')}.SAFE.converted"
    write_image(folder / "T31UFQ_20220301T105421_B02_10m.tif", random_dn((1, 3, 2)))
    assert conversion(tmp_path)[0] == (1e-4, -0.1)


def notes(source, **given):
    return list(find_stack(source, StackOptions(**given)).notes)


def test_notes_of_a_baseline(tmp_path):
    image(tmp_path, "0400")
    image(tmp_path, "0301", day="20210301")
    (note,) = notes(tmp_path)
    assert note.startswith("1 scene, such as S2A_MSIL2A_20220301")
    assert "of processing baseline 04.00, so their offset is -0.1" in note
    assert notes(tmp_path, offset=0) == []


def test_notes_of_a_file_that_denies_its_baseline(tmp_path):
    image(tmp_path, "0400", scale=1e-4, offset=0)
    (note,) = notes(tmp_path)
    assert "say that their offset is 0, though their processing baseline 04.00" in note


@pytest.mark.parametrize("name", ["a_20220201", NAME.format(day="20220201", baseline="9999")])
def test_notes_of_dates_whose_offset_nobody_tells(tmp_path, name):
    write_image(tmp_path / f"{name}.tif", random_dn((1, 3, 2)), names=["B02"])
    (note,) = notes(tmp_path)
    assert "from 2022-01-25 or later and don't tell their offset" in note
    assert notes(tmp_path, offset=0) == []


@pytest.mark.parametrize("name", ["20220201_LEVEL2_SEN2A_BOA", "a_20220124"])
def test_no_notes_where_there_is_no_offset(tmp_path, name):
    write_image(tmp_path / f"{name}.tif", random_dn((1, 3, 2)), names=["B02"])
    assert notes(tmp_path) == []


def test_floats_of_any_date_have_no_offset(tmp_path):
    image(tmp_path, "9999", dtype=np.float32)
    assert notes(tmp_path) == []


def write_bands(folder, silent, **told):
    """B02, B03 and B04 of one day in a file each; some of them tell nothing."""
    for band in ("B02", "B03", "B04"):
        own = {} if band in silent else {"scale": 1e-4, **told}
        path = folder / f"{NAME.format(day='20180804', baseline='9999')}_{band}.tif"
        write_image(path, random_dn((1, 3, 2)), **own)
    return folder


def test_a_file_of_a_scene_that_alone_is_silent(tmp_path):
    write_bands(tmp_path, ["B03"], offset=-0.1)
    with pytest.raises(StackError, match=r"B03\.tif: has no scale .* B03, but .*B02\.tif has them"):
        find_stack(tmp_path)
    (scene,) = find_stack(tmp_path, StackOptions(scale=1e-4, offset=-0.1)).scenes
    assert {file.offset for file in scene.bands.values()} == {-0.1}
    (scene,) = find_stack(tmp_path, StackOptions(offset=-0.1)).scenes
    assert {file.scale for file in scene.bands.values()} == {1e-4}


@pytest.mark.parametrize("silent", [[], ["B02", "B03", "B04"]])
def test_files_of_a_scene_that_all_tell_or_none(tmp_path, silent):
    find_stack(write_bands(tmp_path, silent, offset=-0.1))


def test_a_silent_file_where_others_tell_what_is_usual(tmp_path):
    assert notes(write_bands(tmp_path, ["B03"])) == []


def test_a_silent_file_whose_baseline_tells_the_same(tmp_path):
    name = NAME.format(day="20180804", baseline="0500")
    for band, own in {"B02": {}, "B03": {"scale": 1e-4, "offset": -0.1}}.items():
        write_image(tmp_path / name / f"T31UFQ_20180804T105421_{band}.tif", DN, **own)
    (scene,) = find_stack(tmp_path).scenes
    assert {file.offset for file in scene.bands.values()} == {-0.1}


def test_a_silent_file_whose_baseline_tells_something_else(tmp_path):
    name = NAME.format(day="20180804", baseline="0500")
    for band, own in {"B02": {}, "B03": {"scale": 1e-4, "offset": 0}}.items():
        write_image(tmp_path / name / f"T31UFQ_20180804T105421_{band}.tif", DN, **own)
    with pytest.raises(StackError, match=r"B02\.tif: has no scale and offset for B02"):
        find_stack(tmp_path)


def test_floats_beside_integers_that_tell(tmp_path):
    write_image(tmp_path / "S2_20180804_B02.tif", DN.astype(np.float32))
    write_image(tmp_path / "S2_20180804_B03.tif", DN, scale=1e-4, offset=-0.1)
    (scene,) = find_stack(tmp_path).scenes
    assert (scene.bands["B02"].offset, scene.bands["B03"].offset) == (0, -0.1)


def test_files_of_a_product_that_tells(tmp_path):
    made = Made(level="L2A", baseline="05.11", day="2023-04-05")
    safe = write_safe(tmp_path, made, {band: random_dn((12, 6)) for band in ("B02", "B03")})
    with rasterio.open(next(safe.rglob("*B03*")), "r+") as raster:
        raster.scales, raster.offsets = (2e-4,), (-0.2,)
    (scene,) = find_stack(safe).scenes
    assert (scene.bands["B02"].offset, scene.bands["B03"].offset) == (-0.1, -0.2)


def test_notes_of_dates_that_alone_are_silent(tmp_path):
    days = every_days(8)
    write_stack(tmp_path, days=days, bands=["B02"], scale=1e-4, offset=-0.1)
    assert notes(tmp_path) == []
    write_stack(tmp_path, days=days[3:4], bands=["B02"])
    (note,) = notes(tmp_path)
    assert note.startswith("1 scene, such as S2_L2A_20180116, tell no scale and offset, which are")
    assert "taken to be 0.0001 and 0, though 7 of the stack come to others" in note
    (given,) = notes(tmp_path, scale=1e-4, offset=-0.1)
    assert "outweighs" in given


def test_notes_of_dates_whose_scale_alone_differs(tmp_path):
    write_stack(tmp_path, days=DAYS[:2], bands=["B02"], scale=2e-4)
    write_stack(tmp_path, days=DAYS[2:], bands=["B02"])
    assert any("tell no scale" in note for note in notes(tmp_path, offset=-0.1))
    assert not any("tell no scale" in note for note in notes(tmp_path, scale=1e-4))


def test_one_note_of_a_silent_date_after_2022(tmp_path):
    write_stack(tmp_path, days=["2023-01-06"], bands=["B02"], scale=1e-4, offset=-0.1)
    write_stack(tmp_path, days=["2023-01-11"], bands=["B02"])
    (note,) = notes(tmp_path)
    assert "tell no scale" in note


@pytest.mark.parametrize("told", ["floats", "usual", "theia"])
def test_no_notes_of_legitimate_mixes(tmp_path, told):
    scale, offset = (1e-4, 0) if told == "usual" else (1e-4, -0.1)
    write_image(tmp_path / "a_20180301.tif", DN, names=["B02"], scale=scale, offset=offset)
    dn = DN.astype(np.float32) if told == "floats" else DN
    name = (
        "SENTINEL2A_20180305-105022-460_L2A_T31UFQ_C_V1-0_FRE" if told == "theia" else "b_20180305"
    )
    write_image(tmp_path / f"{name}.tif", dn, names=["B02"])
    assert notes(tmp_path) == []


def test_levels_in_names_are_not_mixed(tmp_path):
    dn = random_dn((1, 3, 2))
    write_image(tmp_path / "S2_L1C_20180106.tif", dn, names=["B02"])
    write_image(tmp_path / "S2_20180111.tif", dn, names=["B02"])
    assert find_stack(tmp_path).level == "L1C"
    write_image(tmp_path / "S2_L2A_20180121.tif", dn, names=["B02"])
    with pytest.raises(StackError, match=r"L1C_20180106.*: is of level L1C, but .*L2A_20180121"):
        find_stack(tmp_path)


@pytest.fixture(scope="module")
def cloudy(tmp_path_factory):
    """A stack with clouds, and its mask."""
    folder = tmp_path_factory.mktemp("cloudy")
    write_cloudy(folder)
    mask(folder / "images", folder / "mask.tif")
    return folder


def mask(images, out, basis=None):
    stack, weights = find_stack(images), bright_weights()
    files = MaskFiles(probability=out)
    mask_stack(stack, files, weights, MaskConfig(), device=torch.device("cpu"), basis=basis)


@pytest.mark.parametrize("update", [True, False])
def test_a_calibration_is_of_one_level(cloudy, tmp_path, update):
    for path in (cloudy / "images").iterdir():
        shutil.copy(path, tmp_path / path.name.replace("L2A", "L1C"))
    basis = Basis(path=cloudy / "mask.tif", update=update)
    with pytest.raises(EarlierError, match=r"another level\. Found L2A; expected L1C"):
        mask(tmp_path, tmp_path / "out.tif", basis)
    assert not (tmp_path / "out.tif").exists()
    for path in tmp_path.iterdir():
        path.rename(path.with_name(path.name.replace("L1C_", "")))
    mask(tmp_path, tmp_path / "out.tif", Basis(path=cloudy / "mask.tif"))
    with rasterio.open(tmp_path / "out.tif") as raster:
        assert "AM4CM_LEVEL" not in raster.tags()


# What info tells.


def test_info_names_the_date_that_is_off_and_says_what_to_do(cloudy, tmp_path):
    images = shutil.copytree(cloudy / "images", tmp_path / "images")
    sound = inspect_stack(find_stack(images))
    assert {scene.level_shift for scene in sound.scenes} == {0}
    day = every_days(DATES, step=8)[6]
    path = images / f"S2_L2A_{day.replace('-', '')}.tif"
    with rasterio.open(path, "r+") as raster:
        raster.write(raster.read() + 1000)
    report = inspect_stack(find_stack(images))
    assert {scene.name: scene.level_shift for scene in report.scenes if scene.level_shift} == {
        day: pytest.approx(0.1)
    }
    text = " ".join(shown(stack_table(report)).split())
    assert "0.1 too bright in every band: see below" in text
    assert f"{day}: reflectance lies 0.1 above that of the dates around in every band" in text
    assert "gdal_edit.py -scale 0.0001 -offset -0.1" in text


def test_info_of_products(tmp_path, capsys, monkeypatch):
    for baseline, day in (("02.14", "2021-12-20"), ("05.11", "2023-04-05")):
        made = Made(level="L1C", baseline=baseline, day=day)
        write_safe(tmp_path, made, {"B02": random_dn((12, 6))})
    report = inspect_stack(find_stack(tmp_path))
    lines = shown(product_table(report)).splitlines()
    assert max(map(len, lines)) <= 80
    rows = [" ".join(line.split()) for line in lines if line.startswith("202")]
    assert rows == [
        "2021-12-20 02.14 T31UFQ 51 12 dn x 0.0001 (MTD_MSIL1C.xml)",
        "2023-04-05 05.11 T31UFQ 51 12 dn x 0.0001 - 0.1 (MTD_MSIL1C.xml)",
    ]
    assert "level L1C, tile T31UFQ, orbit 51, cloud % 12" in shown(stack_table(report))
    monkeypatch.setattr(sys, "argv", ["am4cm", "info", str(tmp_path), "--json"])
    with pytest.raises(SystemExit):
        main()
    _, scene = json.loads(capsys.readouterr().out)["scenes"]
    assert scene["product"]["baseline"] == "05.11"
    assert scene["product"]["cloud_share"] == 0.125
    assert scene["bands"][0]["offset_from"] == "MTD_MSIL1C.xml"


def test_info_of_plain_images_has_one_table(tmp_path):
    write_stack(tmp_path, days=DAYS)
    report = inspect_stack(find_stack(tmp_path))
    assert product_table(report) is None
    assert "level L2A" in [line.strip() for line in shown(stack_table(report)).splitlines()]
