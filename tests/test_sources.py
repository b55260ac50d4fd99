"""Files as users have them: lists, VRTs, JPEG 2000, archives, URLs, and many makers' names."""

import tarfile
from datetime import datetime
from zipfile import ZipFile

import numpy as np
import pytest
import rasterio
from numpy.testing import assert_array_equal
from rasterio.shutil import copy
from rasterio.windows import Window

from am4cm_cli.errors import StackError
from am4cm_cli.marks import mark_scenes
from am4cm_cli.rasters.reading import read_window
from am4cm_cli.sensors import BAND_METRES
from am4cm_cli.stacks.discovery import find_stack
from am4cm_cli.stacks.options import StackOptions
from am4cm_cli.states import file_state
from safe import write_jp2
from stacks import DAYS, random_dn, write_band_files, write_image, write_stack
from web import served


def names(stack):
    return [scene.name for scene in stack.scenes]


def reflectance(stack):
    height, width = stack.grid.shape
    return read_window(stack, stack.bands, Window(0, 0, width, height))[0]


# Lists.


def test_a_csv_of_paths_and_dates(tmp_path):
    for name in ("first", "second", "made_20240101"):
        write_image(tmp_path / "in" / f"{name}.tif", random_dn((1, 3, 2)), names=["B02"])
    listing = tmp_path / "list.csv"
    listing.write_text(
        f"path,date\nin/second.tif,2018-05-01T10:00:00\n{tmp_path}/in/first.tif,2018-06-01\n"
        "in/made_20240101.tif,2018-07-01\n"
    )
    stack = find_stack(listing)
    assert names(stack) == ["2018-05-01", "2018-06-01", "2018-07-01"]
    assert stack.notes == ()
    (tmp_path / "dates.csv").write_text("first,2019-01-01\n")
    assert (
        names(find_stack(listing, StackOptions(dates=tmp_path / "dates.csv")))[-1] == "2019-01-01"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,date\n", "names no file; expected a line 'path,date'"),
        ("a_20180101.tif\n", "row 1 is 'a_20180101.tif'"),
        ("a_20180101.tif,soon\n", "row 1 is 'a_20180101.tif,soon'"),
        ("gone.tif,2018-01-01\n", r"gone\.tif: named in .*list\.csv"),
        ("a_20180101.tif,2018-01-01\na_20180101.tif,2018-01-02\n", "has two dates"),
    ],
)
def test_a_csv_that_says_something_else(tmp_path, text, message):
    write_image(tmp_path / "a_20180101.tif", random_dn((1, 3, 2)), names=["B02"])
    (tmp_path / "list.csv").write_text(text)
    with pytest.raises(StackError, match=message):
        find_stack(tmp_path / "list.csv")


# Formats.


def test_jpeg_2000_and_virtual_rasters_are_what_they_show(tmp_path):
    dn = write_stack(tmp_path / "tif", bands=["B02", "B8A"], shape=(12, 8))
    for path in sorted((tmp_path / "tif").iterdir()):
        (tmp_path / "vrt").mkdir(exist_ok=True)
        copy(path, tmp_path / "vrt" / f"{path.stem}.vrt", driver="VRT")
        with rasterio.open(path) as raster:
            for index, band in enumerate(("B02", "B8A"), start=1):
                day = path.stem[-8:]
                target = tmp_path / "jp2" / f"T31UFQ_{day}T105021_{band}.jp2"
                write_jp2(target, raster.read(index), metres=10)
    expected = reflectance(find_stack(tmp_path / "tif"))
    np.testing.assert_allclose(expected, dn * 1e-4, rtol=1e-6)
    for kind in ("vrt", "jp2"):
        stack = find_stack(tmp_path / kind)
        assert stack.bands == ("B02", "B8A")
        assert_array_equal(reflectance(stack), expected)


def test_virtual_rasters_beside_images_are_views_of_them(tmp_path):
    write_stack(tmp_path)
    copy(tmp_path / "S2_L2A_20180106.tif", tmp_path / "all.vrt", driver="VRT")
    assert names(find_stack(tmp_path)) == list(DAYS)


def test_a_virtual_raster_whose_image_has_gone(tmp_path):
    path = write_image(tmp_path / "x" / "a_20180106.tif", random_dn((1, 3, 2)), names=["B02"])
    copy(path, tmp_path / "a_20180106.vrt", driver="VRT")
    path.unlink()
    stack = find_stack(tmp_path)
    with pytest.raises(StackError, match=r"a_20180106\.vrt: its pixels cannot be read"):
        reflectance(stack)


def test_a_virtual_raster_changes_with_its_images(tmp_path):
    path = write_image(tmp_path / "x" / "a_20180106.tif", random_dn((1, 3, 2)), names=["B02"])
    view = tmp_path / "a_20180106.vrt"
    copy(path, view, driver="VRT")
    before, (mark,) = file_state(view), mark_scenes(find_stack(tmp_path), ["B02"])
    write_image(path, random_dn((1, 5, 2)), names=["B02"])
    assert file_state(view) != before
    assert mark_scenes(find_stack(tmp_path), ["B02"]) != (mark,)


def test_a_geotiff_is_taken_before_its_jpeg_2000(tmp_path):
    name = "T31UFQ_20180106T105021_B02"
    write_image(tmp_path / f"{name}.tif", random_dn((1, 6, 4)))
    write_jp2(tmp_path / f"{name}.jp2", random_dn((6, 4)), metres=10)
    write_jp2(tmp_path / "T31UFQ_20180106T105021_TCI.jp2", random_dn((3, 6, 4)), metres=10)
    stack = find_stack(tmp_path)
    assert stack.scenes[0].bands["B02"].path.suffix == ".tif"
    assert any("where FRE, finer ones or a GeoTIFF exist, passed over" in n for n in stack.notes)


# Archives and URLs.


def test_a_zip_of_images(tmp_path):
    dn = write_stack(tmp_path / "images", bands=["B02", "B04"])
    archive = tmp_path / "export.zip"
    with ZipFile(archive, "w") as packed:
        for path in (tmp_path / "images").iterdir():
            packed.write(path, f"images/{path.name}")
        packed.writestr("images/masks/m_20180101.tif", b"no image")
        packed.writestr("__MACOSX/images/._S2_20180106.tif", b"no image")
    for source in (archive, f"/vsizip/{archive}", f"/vsizip/{archive}/images"):
        stack = find_stack(source)
        assert names(stack) == list(DAYS)
        np.testing.assert_allclose(reflectance(stack), dn * 1e-4, rtol=1e-6)
    (tmp_path / "list.txt").write_text(f"/vsizip/{archive}/images/S2_L2A_20180121.tif\n")
    assert names(find_stack(tmp_path / "list.txt")) == ["2018-01-21"]


def test_zips_of_theia_in_a_folder(tmp_path):
    stem = "SENTINEL2A_20180106-105022-461_L2A_T31UFQ_C_V2-2"
    write_band_files(tmp_path / "x", pattern=f"{stem}/{stem}_FRE_{{band}}.tif")
    (tmp_path / "in").mkdir()
    with ZipFile(tmp_path / "in" / f"{stem}.zip", "w") as packed:
        for path in (tmp_path / "x" / stem).iterdir():
            packed.write(path, f"{stem}/{path.name}")
            packed.write(path, f"{stem}/MASKS/{path.name}")
    (scene,) = find_stack(tmp_path / "in").scenes
    assert scene.time == datetime(2018, 1, 6, 10, 50, 22)
    assert (scene.product.level, scene.product.tile) == ("L2A", "T31UFQ")
    assert sorted(scene.bands) == ["B02", "B04", "B11"]


def test_a_tar_by_its_path(tmp_path):
    dn = write_stack(tmp_path / "images", days=DAYS[:1], bands=["B02"])
    with tarfile.open(tmp_path / "a.tar", "w") as packed:
        packed.add(tmp_path / "images", "images")
    stack = find_stack(f"/vsitar/{tmp_path}/a.tar/images/S2_L2A_20180106.tif")
    np.testing.assert_allclose(reflectance(stack), dn * 1e-4, rtol=1e-6)


def test_urls_alone_and_in_lists(tmp_path):
    dn = write_stack(tmp_path / "in", bands=["B02"])
    product = "S2A_MSIL2A_20230106T105421_N0509_R051_T31UFQ_20230106T140000.SAFE"
    write_image(tmp_path / "in" / product / "T31UFQ_20230106T105421_B02_10m.tif", dn[0])
    with served(tmp_path / "in") as url:
        stack = find_stack(f"{url}/S2_L2A_20180121.tif?key=a/b")
        assert names(stack) == ["2018-01-21"]
        np.testing.assert_allclose(reflectance(stack), dn[1:2] * 1e-4, rtol=1e-6)
        listed = [f"{url}/S2_L2A_20180106.tif", f"/vsicurl/{url}/S2_L2A_20180307.tif"]
        (tmp_path / "list.txt").write_text("\n".join(listed))
        assert_array_equal(
            reflectance(find_stack(tmp_path / "list.txt"))[0], dn[0] * np.float32(1e-4)
        )
        (tmp_path / "list.csv").write_text(f"{listed[0]},2019-02-03\n")
        assert names(find_stack(tmp_path / "list.csv")) == ["2019-02-03"]
        (scene,) = find_stack(f"{url}/{product}/T31UFQ_20230106T105421_B02_10m.tif").scenes
        assert (scene.bands["B02"].offset, scene.product.baseline) == (-0.1, "05.09")
        with pytest.raises(StackError, match=f"{url}/gone_20180101.tif: cannot be opened"):
            find_stack(f"{url}/gone_20180101.tif")


# Namings.


def described(path, bands, *, dtype=np.int16, **image):
    return write_image(path, random_dn((len(bands), 3, 2)).astype(dtype), names=bands, **image)


def test_earth_engine_exports(tmp_path):
    bands = ["B1", "B2", "B8A", "AOT", "SCL", "QA60"]
    described(tmp_path / "multi" / "20180804T105019_20180804T105022_T31UFQ.tif", bands)
    for band in bands[:3]:
        name = f"20180804T105019_20180804T105022_T31UFQ.{band}.tif"
        write_image(tmp_path / "single" / name, random_dn((1, 3, 2)))
    for folder in ("multi", "single"):
        stack = find_stack(tmp_path / folder)
        assert stack.bands == ("B01", "B02", "B8A")
        assert stack.scenes[0].time == datetime(2018, 8, 4, 10, 50, 19)
        assert stack.scenes[0].product.tile == "T31UFQ"


@pytest.mark.parametrize("clock", ["00:00", "00_00", "00-00"])
def test_sentinel_hub_downloads(tmp_path, clock):
    for band in ("B02", "B8A"):
        day = "2018-08-04"
        name = f"{day}-{clock}_{day}-23:59_Sentinel-2_L2A_{band}_(Raw).tiff"
        write_image(tmp_path / name, random_dn((1, 3, 2)))
    write_image(
        tmp_path / f"{day}-{clock}_{day}-23:59_Sentinel-2_L2A_True_color.tiff", random_dn((3, 3, 2))
    )
    stack = find_stack(tmp_path)
    assert names(stack) == ["2018-08-04"]
    assert (stack.bands, stack.level) == (("B02", "B8A"), "L2A")
    assert stack.notes[0].startswith("1 file without a band in the name passed over")
    assert "give --scale 1.526e-5" in stack.notes[1]
    assert len(find_stack(tmp_path, StackOptions(scale=1.526e-5)).notes) == 1


@pytest.mark.parametrize(
    ("name", "count", "missing", "level"),
    [
        ("S2A2A_20180804_051_Name_BOA_10", 11, {"B8A", "B10"}, "L2A"),
        ("S2A2A_20180804_051_Name_BOA_20", 11, {"B08", "B10"}, "L2A"),
        ("S2B1C_20180804_051_Name_TOA_10", 12, {"B8A"}, "L1C"),
    ],
)
def test_sen2r(tmp_path, name, count, missing, level):
    write_image(tmp_path / f"{name}.tif", random_dn((count, 3, 2)))
    write_image(
        tmp_path / f"{name.replace('BOA', 'SCL').replace('TOA', 'CLD')}.tif", random_dn((1, 3, 2))
    )
    stack = find_stack(tmp_path)
    assert set(BAND_METRES) - set(stack.bands) == missing
    assert (names(stack), stack.level) == (["2018-08-04"], level)
    assert stack.scenes[0].product.orbit == 51
    assert "other layers" in stack.notes[0]


def test_force(tmp_path):
    bands = "BLUE GREEN RED REDEDGE1 REDEDGE2 REDEDGE3 BROADNIR NIR SWIR1 SWIR2"
    described(tmp_path / "20180804_LEVEL2_SEN2A_BOA.tif", bands.split(), nodata=-9999)
    described(tmp_path / "20180804_LEVEL2_SEN2A_QAI.tif", ["Quality assurance information"])
    described(tmp_path / "20180805_LEVEL2_LND08_BOA.tif", ["BLUE", "GREEN"], nodata=-9999)
    stack = find_stack(tmp_path)
    (scene,) = stack.scenes
    assert {band: file.index for band, file in scene.bands.items()} == {
        band: place
        for place, band in enumerate(
            ["B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11", "B12"], start=1
        )
    }
    assert (scene.bands["B02"].nodata, stack.level) == (-9999, "L2A")
    assert stack.notes[0].startswith("2 files of other layers, or other sensors, passed over")


def test_native_granules_of_2016_are_dated_by_their_orbit(tmp_path):
    for band in ("B02", "B8A"):
        name = f"S2A_OPER_MSI_L1C_TL_EPA__20160516T202538_A000638_T15SUA_{band}.jp2"
        write_jp2(tmp_path / name, random_dn((6, 4)), metres=10)
    stack = find_stack(tmp_path)
    assert names(stack) == ["2015-08-06"]
    assert stack.level == "L1C"


def test_native_band_files(tmp_path):
    for metres, bands in {10: ["B02"], 20: ["B02", "B8A"]}.items():
        for band in bands:
            path = tmp_path / f"R{metres}m" / f"T31UFQ_20180804T105021_{band}_{metres}m.jp2"
            write_jp2(path, random_dn((120 // metres, 80 // metres)), metres=metres)
    stack = find_stack(tmp_path)
    assert [file.factor for file in stack.scenes[0].bands.values()] == [1, 2]
    assert stack.scenes[0].time == datetime(2018, 8, 4, 10, 50, 21)
