"""Finished masks in other forms, against numpy, scipy, xarray and GDAL's own reading."""

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from rio_cogeo.cogeo import cog_validate
from scipy.ndimage import binary_dilation

from am4cm_cli.errors import OutputError, StackError
from am4cm_cli.exporting.binaries import write_binary
from am4cm_cli.exporting.copies import copy_dates, copy_whole, holds_dates
from am4cm_cli.exporting.cubes import is_cube, write_cube
from am4cm_cli.exporting.dilation import dilate
from am4cm_cli.exporting.names import file_names
from am4cm_cli.exporting.verbs import export_mask
from am4cm_cli.exports import Exports
from am4cm_cli.rasters.masks import open_mask, open_own
from am4cm_cli.storage import Storage
from finished import NAMES, percents, write_finished

COG = Storage()


@pytest.fixture
def mask(tmp_path):
    numbers = percents()
    return open_mask(write_finished(tmp_path / "clouds.tif", numbers)), numbers


def as_float(numbers):
    return np.where(numbers == 255, np.nan, numbers / np.float32(100)).astype(np.float32)


def disc(radius):
    """(2r + 1, 2r + 1), by Pythagoras."""
    side = np.arange(-radius, radius + 1)
    return side[:, None] ** 2 + side**2 <= radius**2


def test_a_copy_is_the_same_file(mask, tmp_path):
    copy_whole(mask[0], tmp_path / "copy.tif", COG)
    assert (tmp_path / "copy.tif").read_bytes() == mask[0].path.read_bytes()


def test_dates_apart_have_the_pixels_of_their_bands(mask, tmp_path):
    copy_dates(mask[0], tmp_path / "dates", COG)
    files = sorted((tmp_path / "dates").iterdir())
    assert [file.stem for file in files] == [
        "2018-01-06",
        "2018-01-21T105022",
        "2018-01-21T105047",
        "2018-03-07",
    ]
    for file, name, numbers in zip(files, NAMES, mask[1], strict=True):
        assert cog_validate(file, strict=True) == (True, [], [])
        with rasterio.open(file) as raster:
            assert_array_equal(raster.read(), numbers[None])
            assert raster.descriptions == (name,)
            assert raster.tags()["AM4CM_TARGET"] == "cloud"
            assert (raster.nodata, raster.transform) == (255, mask[0].grid.transform)
    assert holds_dates(tmp_path / "dates")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clouds.tif", "dates"]


@pytest.mark.parametrize("names", [("a", "A"), ("2018-01-06", ""), ("../..", "b"), ("a:b", "ab")])
def test_bands_that_cannot_name_files(tmp_path, names):
    with pytest.raises(OutputError, match="expected dates, each once"):
        file_names(tmp_path, names)


def test_names_lead_nowhere_else(tmp_path):
    assert file_names(tmp_path, ["/etc/../x y", "2018-01-06 head 1"]) == [
        "etc-..-x-y",
        "2018-01-06-head-1",
    ]


@given(
    masked=st.lists(st.lists(st.booleans(), min_size=9, max_size=9), min_size=5, max_size=12),
    radius=st.integers(0, 7) | st.sampled_from([16, 17, 30]),
)
def test_dilating_is_by_a_disc(masked, radius):
    masked = np.array(masked)
    expected = binary_dilation(masked, disc(radius))
    assert_array_equal(dilate(masked, radius), expected)


@pytest.mark.parametrize(
    ("radius", "side"), [(0, None), (0, 16), (1, 7), (4, None), (4, 16), (4, 7), (20, 16)]
)
def test_binary_masks_are_the_same_by_any_window(mask, tmp_path, radius, side):
    found, numbers = mask
    write_binary(found, tmp_path / "b.tif", COG, threshold=55, radius=radius, side=side)
    cloudy = (numbers >= 55) & (numbers != 255)
    grown = np.array([binary_dilation(date, disc(radius)) for date in cloudy])
    with rasterio.open(tmp_path / "b.tif") as raster:
        assert_array_equal(raster.read(), np.where(numbers == 255, 255, grown))
        assert (raster.nodata, raster.dtypes[0]) == (255, "uint8")
        assert raster.descriptions == NAMES
        tags = raster.tags()
    assert (tags["AM4CM_THRESHOLD"], tags["AM4CM_DILATE"]) == ("55", str(radius))
    assert tags["AM4CM_CONTENT"] == "binary mask"


@pytest.mark.parametrize("threshold", [0, 0.5, 29, 58, 100])
def test_floats_are_cut_where_percents_are(mask, tmp_path, threshold):
    floats = write_finished(tmp_path / "float.tif", as_float(mask[1]))
    for name, source in (("a", mask[0]), ("b", open_mask(floats))):
        write_binary(source, tmp_path / f"{name}.tif", COG, threshold=threshold, radius=2)
    with rasterio.open(tmp_path / "a.tif") as a, rasterio.open(tmp_path / "b.tif") as b:
        assert_array_equal(a.read(), b.read())


def test_cubes_open_in_xarray(mask, tmp_path):
    xarray = pytest.importorskip("xarray")
    pytest.importorskip("rioxarray")
    found, numbers = mask
    write_cube(found, tmp_path / "clouds.zarr", overwrite=False)
    with xarray.open_zarr(tmp_path / "clouds.zarr") as cube:
        values = cube.cloud_probability
        assert values.dims == ("time", "y", "x")
        assert_allclose(values.values, as_float(numbers), rtol=1e-6)
        assert list(cube.name.values) == list(NAMES)
        assert cube.time.values[1] == np.datetime64("2018-01-21T10:50:22")
        assert cube.rio.crs.to_epsg() == 32631
        moved = [float(number) for number in cube.spatial_ref.attrs["GeoTransform"].split()]
        assert moved == list(found.grid.transform.to_gdal())
        x, y = float(cube.x[2]), float(cube.y[3])
        assert (x, y) == tuple(found.grid.transform @ (2.5, 3.5))
        assert cube.attrs["AM4CM_TARGET"] == "cloud"
    assert is_cube(tmp_path / "clouds.zarr")


def test_cubes_of_many_chunks_and_other_contents(tmp_path):
    zarr = pytest.importorskip("zarr")
    pytest.importorskip("rioxarray")
    numbers = percents((300, 270), dates=40)
    names = [f"2018-{1 + index // 20:02d}-{1 + index % 20:02d}" for index in range(40)]
    path = write_finished(tmp_path / "c.tif", numbers, names=names, content="classes")
    write_cube(open_own(path), tmp_path / "c.zarr", overwrite=False)
    array = zarr.open_group(tmp_path / "c.zarr", mode="r")["classes"]
    assert array.chunks == (32, 256, 256)
    assert_array_equal(array[:], numbers)


def test_gdal_reads_cubes(mask, tmp_path):
    pytest.importorskip("rioxarray")
    write_cube(mask[0], tmp_path / "a.zarr", overwrite=False)
    with rasterio.open(f'ZARR:"{tmp_path / "a.zarr"}":/cloud_probability:1') as raster:
        assert_array_equal(raster.read(1), mask[1][1])
        assert raster.transform == mask[0].grid.transform
        assert (raster.nodata, raster.scales) == (255, (0.01,))


def test_a_rotated_grid_is_no_cube(tmp_path):
    pytest.importorskip("rioxarray")
    turned = Affine.translation(5e5, 5e6) @ Affine.rotation(30) @ Affine.scale(10, -10)
    path = write_finished(tmp_path / "a.tif", percents(), transform=turned)
    with pytest.raises(OutputError, match="grid is rotated"):
        write_cube(open_mask(path), tmp_path / "a.zarr", overwrite=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tif"]


def test_broken_off_outputs_leave_nothing(mask, tmp_path):
    def stop(items):
        yield next(iter(items))
        raise KeyboardInterrupt

    left = sorted(tmp_path.iterdir())
    for name in ("split", "binary", "stac"):
        exports = Exports(**{name: tmp_path / name})
        with pytest.raises(KeyboardInterrupt):
            export_mask(mask[0].path, exports, COG, track=stop)
        assert sorted(tmp_path.iterdir()) == left


def test_classes_cannot_be_cut(tmp_path):
    path = write_finished(tmp_path / "c.tif", percents(), content="classes")
    with pytest.raises(StackError, match="holds classes, not probabilities"):
        export_mask(path, Exports(binary=tmp_path / "b.tif"), COG)
    export_mask(path, Exports(split=tmp_path / "dates"), COG)
    with rasterio.open(tmp_path / "dates" / "2018-01-06.tif") as raster:
        assert raster.colormap(1)[3] == (0x4D, 0x4D, 0x4D, 255)
