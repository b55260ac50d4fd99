import math
import shutil
import subprocess
import warnings

import numpy as np
import pytest
import rasterio
from hypothesis import assume, given
from hypothesis import strategies as st
from rasterio.windows import Window

from am4cm_cli.errors import StackError
from am4cm_cli.rasters.reading import (
    read_patches,
    read_preview,
    read_scene,
    read_scene_patches,
    read_window,
)
from am4cm_cli.stacks.discovery import find_stack
from stacks import DAYS, random_dn, write_band_files, write_image, write_stack

needs_gdal = pytest.mark.skipif(not shutil.which("gdal_translate"), reason="no GDAL tools")
BANDS = ("B02", "B11", "B09")


def whole(stack):
    height, width = stack.grid.shape
    return Window(0, 0, width, height)


def test_reflectance_is_dn_scaled(tmp_path):
    dn = write_stack(tmp_path, shape=(7, 5), scale=2e-4, offset=-0.1)
    stack = find_stack(tmp_path)
    reflectance, valid = read_window(stack, stack.bands, whole(stack))
    assert reflectance.shape == (3, 10, 7, 5)
    assert reflectance.dtype == np.float32
    np.testing.assert_allclose(reflectance, dn * 2e-4 - 0.1, atol=1e-6)
    assert valid.shape == (3, 7, 5)
    assert valid.all()


def test_bands_come_in_the_order_asked_for(tmp_path):
    dn = write_stack(tmp_path)
    stack = find_stack(tmp_path)
    reflectance, _ = read_window(stack, ["B12", "B02"], Window(1, 2, 3, 4))
    np.testing.assert_allclose(reflectance, dn[:, [9, 0], 2:6, 1:4] * 1e-4, rtol=1e-6)


def test_scene_is_read_like_the_stack(tmp_path):
    write_stack(tmp_path)
    stack = find_stack(tmp_path)
    reflectance, valid = read_scene(stack.scenes[1], ["B03", "B11"], Window(0, 1, 4, 5))
    expected, expected_valid = read_window(stack, ["B03", "B11"], Window(0, 1, 4, 5))
    assert (reflectance == expected[1]).all()
    assert (valid == expected_valid[1]).all()


@needs_gdal
def test_coarse_bands_are_repeated_as_gdal_does(tmp_path):
    write_band_files(tmp_path / "in", bands=["B02", "B11", "B09"], shape=(12, 18))
    stack = find_stack(tmp_path / "in")
    reflectance, _ = read_scene(stack.scenes[0], ["B02", "B11", "B09"], whole(stack))
    for layer, band in zip(reflectance, ["B02", "B11", "B09"], strict=True):
        fine = tmp_path / f"{band}.tif"
        source = tmp_path / "in" / f"S2_20180106_{band}.tif"
        size = ["-outsize", "18", "12", "-r", "nearest"]
        subprocess.run(["gdal_translate", "-q", *size, source, fine], check=True)
        with rasterio.open(fine) as raster:
            np.testing.assert_allclose(layer, raster.read(1) * 1e-4, rtol=1e-6)


@pytest.fixture(scope="module")
def two_resolutions(tmp_path_factory):
    """Three scenes of pixels of 10, 20 and 60 m, and all their pixels."""
    folder = tmp_path_factory.mktemp("two")
    for place, day in enumerate(DAYS):
        write_band_files(folder, day=day, bands=BANDS, shape=(12, 18), seed=place)
    stack = find_stack(folder)
    return stack, *read_window(stack, BANDS, whole(stack))


@given(rows=st.tuples(*[st.integers(0, 12)] * 2), cols=st.tuples(*[st.integers(0, 18)] * 2))
def test_any_window_is_a_part_of_the_whole(two_resolutions, rows, cols):
    (top, bottom), (left, right) = sorted(rows), sorted(cols)
    assume(top < bottom and left < right)
    stack, whole_reflectance, whole_valid = two_resolutions
    reflectance, valid = read_window(stack, BANDS, Window(left, top, right - left, bottom - top))
    assert (reflectance == whole_reflectance[..., top:bottom, left:right]).all()
    assert (valid == whole_valid[..., top:bottom, left:right]).all()


def test_patches_are_windows_end_to_end(tmp_path):
    for day in DAYS:
        write_band_files(tmp_path, day=day, shape=(12, 18))
    stack = find_stack(tmp_path)
    windows = [Window(1, 2, 3, 5), Window(7, 0, 4, 3)]
    reflectance, valid = read_patches(stack, stack.bands, windows)
    assert reflectance.shape == (3, 3, 15 + 12)
    apart = [read_window(stack, stack.bands, window) for window in windows]
    expected = np.concatenate([part.reshape(3, 3, -1) for part, _ in apart], axis=-1)
    assert (reflectance == expected).all()
    assert (valid == np.concatenate([part.reshape(3, -1) for _, part in apart], axis=-1)).all()
    one, one_valid = read_scene_patches(stack.scenes[2], stack.bands, windows)
    assert (one == reflectance[2]).all()
    assert (one_valid == valid[2]).all()


def test_preview_of_a_small_raster_is_the_raster(tmp_path):
    write_band_files(tmp_path)
    stack = find_stack(tmp_path)
    preview = read_preview(stack.scenes[0], stack.bands, stack.grid, (6, 4))
    scene = read_scene(stack.scenes[0], stack.bands, whole(stack))
    assert (preview[0] == scene[0]).all()
    assert (preview[1] == scene[1]).all()
    assert read_preview(stack.scenes[0], stack.bands, stack.grid, (3, 2))[0].shape == (3, 3, 2)


# What is valid.


def valid_pixels(folder, dn, *, nodata, bands=("B02", "B03")):
    write_stack(folder, days=["2018-01-06"], bands=bands, dn=dn[None], nodata=nodata)
    stack = find_stack(folder)
    reflectance, valid = read_scene(stack.scenes[0], bands, whole(stack))
    assert np.isfinite(reflectance).all()
    assert (reflectance[:, ~valid] == 0).all()
    return valid


def test_declared_nodata_in_any_band(tmp_path):
    dn = random_dn((2, 3, 4))
    dn[0, 0, 1] = dn[1, 2, 3] = 77
    expected = np.ones((3, 4), bool)
    expected[0, 1] = expected[2, 3] = False
    assert (valid_pixels(tmp_path, dn, nodata=77) == expected).all()


def test_zero_is_data_where_another_number_is_nodata(tmp_path):
    dn = random_dn((2, 3, 4))
    dn[:, 0, 0] = 0
    assert valid_pixels(tmp_path, dn, nodata=65535).all()


def test_undeclared_zeros_in_all_bands_only(tmp_path):
    dn = random_dn((2, 3, 4))
    dn[:, 1, 2] = 0
    dn[0, 0, 0] = 0
    expected = np.ones((3, 4), bool)
    expected[1, 2] = False
    assert (valid_pixels(tmp_path, dn, nodata=None) == expected).all()


@pytest.mark.parametrize("nodata", [None, 0])
@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_common_undeclared_nodata(tmp_path, dtype, nodata):
    dn = random_dn((2, 3, 4)).astype(dtype)
    dn[1, 1, 2] = -10000
    dn[0, 0, 0] = -9999
    dn[0, 0, 1] = -9998
    expected = np.ones((3, 4), bool)
    expected[1, 2] = expected[0, 0] = False
    assert (valid_pixels(tmp_path, dn, nodata=nodata) == expected).all()


@pytest.mark.parametrize("nodata", [None, math.nan])
def test_infinities_are_not_valid(tmp_path, nodata):
    dn = np.full((2, 3, 4), 0.25)
    dn[0, 1, 2], dn[1, 0, 0], dn[1, 0, 1] = np.inf, -np.inf, 1e300
    expected = np.ones((3, 4), bool)
    expected[1, 2] = expected[0, 0] = False
    # Beyond what 32-bit floats hold.
    expected[0, 1] = False
    assert (valid_pixels(tmp_path / "doubles", dn, nodata=nodata) == expected).all()
    dn[1, 0, 1] = 0.25
    expected[0, 1] = True
    floats = dn.astype(np.float32)
    assert (valid_pixels(tmp_path / "floats", floats, nodata=nodata) == expected).all()


@pytest.mark.parametrize("nodata", [None, math.nan, -3.4e38, -9999.0])
def test_not_a_number_and_declared_floats(tmp_path, nodata):
    dn = random_dn((2, 3, 4)).astype(np.float32) / 10000
    dn[0, 1, 2] = np.nan
    dn[1, 0, 0] = np.float32(nodata or -10000)
    expected = np.ones((3, 4), bool)
    expected[1, 2] = expected[0, 0] = False
    assert (valid_pixels(tmp_path, dn, nodata=nodata) == expected).all()


def test_nodata_of_doubles_too_large_for_floats(tmp_path):
    dn = np.full((2, 3, 4), 0.25)
    dn[0, 1, 2] = np.finfo(np.float64).min
    valid = valid_pixels(tmp_path, dn, nodata=float(np.finfo(np.float64).min))
    assert not valid[1, 2]
    assert valid.sum() == 11


def test_a_band_without_nodata_beside_one_with(tmp_path):
    zero = np.zeros((1, 2, 3), np.uint16)
    zero[0, 0, 0] = 5
    write_image(tmp_path / "a_20180101_B02.tif", zero)
    write_image(tmp_path / "a_20180101_B03.tif", random_dn((1, 2, 3)), nodata=65535)
    stack = find_stack(tmp_path)
    _, valid = read_scene(stack.scenes[0], stack.bands, whole(stack))
    assert valid.sum() == 1
    assert valid[0, 0]


@needs_gdal
def test_nodata_that_the_type_cannot_hold(tmp_path):
    source = write_image(tmp_path / "in.tif", random_dn((1, 2, 3)), names=["B02"])
    odd = tmp_path / "a_20180101.vrt"
    subprocess.run(
        ["gdal_translate", "-q", "-of", "VRT", "-a_nodata", "-9999.5", source, odd], check=True
    )
    odd.rename(tmp_path / "a_20180101.tif")
    source.rename(tmp_path / "in.dat")
    text = (tmp_path / "a_20180101.tif").read_text().replace("in.tif", "in.dat")
    (tmp_path / "a_20180101.tif").write_text(text)
    stack = find_stack(tmp_path)
    assert read_scene(stack.scenes[0], ["B02"], whole(stack))[1].all()


# What cannot be read.


@pytest.mark.parametrize("read", [read_window, lambda s, b, w: read_patches(s, b, [w])])
def test_truncated_pixels_name_the_file(tmp_path, read):
    write_stack(tmp_path, shape=(300, 200), days=DAYS, compress="deflate")
    bad = tmp_path / "S2_L2A_20180121.tif"
    bad.write_bytes(bad.read_bytes()[: bad.stat().st_size // 2])
    stack = find_stack(tmp_path)
    with pytest.raises(StackError, match="its pixels cannot be read") as error:
        read(stack, stack.bands, whole(stack))
    assert str(error.value).startswith(f"{bad}: ")


def test_file_that_has_gone(tmp_path):
    write_stack(tmp_path)
    stack = find_stack(tmp_path)
    gone = stack.scenes[2].bands["B02"].path
    gone.unlink()
    with pytest.raises(StackError, match="or has gone") as error:
        read_window(stack, ["B02"], whole(stack))
    assert str(error.value).startswith(f"{gone}: ")


def test_no_warning_of_what_is_not_georeferenced(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dn = write_stack(tmp_path, crs=None, transform=None)
    stack = find_stack(tmp_path)
    reflectance, _ = read_window(stack, ["B02"], whole(stack))
    np.testing.assert_allclose(reflectance[:, 0], dn[:, 0] * 1e-4, rtol=1e-6)
