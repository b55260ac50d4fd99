import os
import resource
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.windows import Window
from rio_cogeo.cogeo import cog_validate

from am4cm_cli.errors import OutputError
from am4cm_cli.rasters.cogs import create_cog
from am4cm_cli.stacks.stack import Grid
from am4cm_cli.windows import tile_grid
from stacks import CORNER

NAMES = ("2018-01-06", "2018-01-21T10:50:22", "2018-03-07")
TAGS = {"AM4CM_VERSION": "0.1.0", "AM4CM_CALIBRATION": '{"a": [1, 2.5]}'}


def grid(shape, **change):
    return Grid(**{"crs": CRS.from_epsg(32631), "transform": CORNER, "shape": shape, **change})


def percents(shape, *, seed=0):
    numbers = np.random.default_rng(seed).integers(0, 101, (3, *shape)).astype(np.uint8)
    numbers[:, : shape[0] // 3] = 255
    return numbers


def write_cog(path, numbers, *, size=100, nodata=255, names=NAMES, place=None, **how):
    place = place or grid(numbers.shape[1:])
    with create_cog(
        path, grid=place, dtype=str(numbers.dtype), nodata=nodata, names=names, tags=TAGS, **how
    ) as raster:
        for window in tile_grid(numbers.shape[1:], size=size):
            raster.write(numbers[(slice(None), *window.toslices())], window)
    return path


@pytest.mark.parametrize("shape", [(1, 1), (64, 64), (257, 300), (700, 1100), (600, 3)])
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_cog_is_valid_and_whole(tmp_path, shape, dtype):
    numbers, nodata = percents(shape), 255
    if dtype == "float32":
        nodata = np.nan
        numbers = np.where(numbers == 255, np.nan, numbers / 100).astype(np.float32)
    path = write_cog(tmp_path / "out.tif", numbers, nodata=nodata, size=200)
    assert cog_validate(path, strict=True) == (True, [], [])
    with rasterio.open(path) as raster:
        np.testing.assert_array_equal(raster.read(), numbers)
        assert raster.descriptions == NAMES
        assert TAGS.items() <= raster.tags().items()
        assert raster.crs.to_epsg() == 32631
        assert raster.transform == CORNER
        np.testing.assert_equal(raster.nodatavals, (nodata,) * 3)
        assert raster.interleaving.value == "BAND"
        assert raster.compression.value == "DEFLATE"
        assert min(shape) < 257 or len(raster.overviews(1)) > 0
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(not shutil.which("gdalinfo"), reason="no GDAL tools")
def test_gdal_sees_names_and_tags(tmp_path):
    path = write_cog(tmp_path / "out.tif", percents((300, 20)))
    told = subprocess.run(["gdalinfo", path], check=True, capture_output=True, text=True).stdout
    assert "Description = 2018-01-21T10:50:22" in told
    assert "AM4CM_VERSION=0.1.0" in told
    assert "INTERLEAVE=BAND" in told
    assert "Overviews: 10x150" in told


def test_overviews_average_what_is_valid(tmp_path):
    numbers = np.full((3, 512, 512), 255, np.uint8)
    numbers[1, 0:2, 0:2] = [[10, 255], [20, 60]]
    numbers[2] = 40
    path = write_cog(tmp_path / "out.tif", numbers)
    with rasterio.open(path) as raster:
        half = raster.read(out_shape=(3, 256, 256))
    assert (half[0] == 255).all()
    assert half[1, 0, 0] == 30
    assert (half[1].ravel()[1:] == 255).all()
    assert (half[2] == 40).all()


def test_overviews_of_classes_take_the_most_frequent(tmp_path):
    numbers = np.full((3, 512, 512), 1, np.uint8)
    numbers[:, ::2, ::2] = 3
    path = write_cog(tmp_path / "out.tif", numbers, overview="mode")
    with rasterio.open(path) as raster:
        assert (raster.read(out_shape=(3, 256, 256)) == 1).all()


def test_windows_in_any_order_and_some_missing(tmp_path):
    numbers = percents((300, 270))
    with create_cog(
        tmp_path / "out.tif", grid=grid((300, 270)), dtype="uint8", nodata=255, names=NAMES, tags={}
    ) as raster:
        for window in reversed(list(tile_grid((300, 270), size=70))):
            if window.row_off < 210:
                raster.write(numbers[(slice(None), *window.toslices())], window)
    with rasterio.open(tmp_path / "out.tif") as raster:
        np.testing.assert_array_equal(raster.read()[:, :210], numbers[:, :210])
        assert (raster.read()[:, 210:] == 255).all()


@pytest.mark.parametrize(
    "place",
    [
        {"crs": CRS()},
        {"crs": CRS(), "transform": Affine.identity()},
        {"transform": Affine.translation(5e5, 5e6) @ Affine.rotation(30) @ Affine.scale(10, -10)},
        {"crs": CRS.from_epsg(4326), "transform": Affine(9e-5, 0, 12.7, 0, -9e-5, 42)},
    ],
)
def test_any_place_on_earth_or_none(tmp_path, place):
    place = grid((5, 7), **place)
    path = write_cog(tmp_path / "out.tif", percents((5, 7)), place=place)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with rasterio.open(path) as raster:
            assert raster.transform.almost_equals(place.transform, 1e-9)
            assert (raster.crs or CRS()) == place.crs


def write_half(path, error):
    with create_cog(
        path, grid=grid((300, 270)), dtype="uint8", nodata=255, names=NAMES, tags={}
    ) as raster:
        raster.write(percents((100, 270)), Window(0, 0, 270, 100))
        raise error


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_broken_off_cog_leaves_the_former(tmp_path, error):
    path = write_cog(tmp_path / "out.tif", percents((5, 7)))
    former = path.read_bytes()
    with pytest.raises(error):
        write_half(path, error)
    assert path.read_bytes() == former
    assert list(tmp_path.iterdir()) == [path]


def test_broken_off_cog_leaves_nothing(tmp_path):
    with pytest.raises(ValueError, match="broken off"):
        write_half(tmp_path / "out.tif", ValueError("broken off"))
    assert list(tmp_path.iterdir()) == []


def test_cog_replaces_a_former_one(tmp_path):
    write_cog(tmp_path / "out.tif", percents((5, 7)))
    write_cog(tmp_path / "out.tif", percents((4, 9), seed=1))
    with rasterio.open(tmp_path / "out.tif") as raster:
        np.testing.assert_array_equal(raster.read(), percents((4, 9), seed=1))


def test_two_cogs_of_one_name_without_suffix_do_not_meet(tmp_path):
    path = tmp_path / "out"
    how = {"grid": grid((5, 7)), "dtype": "uint8", "nodata": 255, "names": NAMES, "tags": {}}
    with create_cog(path, **how) as one, create_cog(path, **how) as other:
        assert len(list(tmp_path.iterdir())) == 2
        one.write(percents((5, 7)), Window(0, 0, 7, 5))
        other.write(percents((5, 7), seed=1), Window(0, 0, 7, 5))
    with rasterio.open(path) as raster:
        np.testing.assert_array_equal(raster.read(), percents((5, 7)))
    assert list(tmp_path.iterdir()) == [path]


def write_noise(path, limit):
    """Run in a process of its own: files may not grow beyond `limit` bytes there."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    noise = np.random.default_rng(0).integers(0, 255, (3, 600, 500)).astype(np.uint8)
    try:
        write_cog(Path(path), noise)
    except OutputError as error:
        sys.exit(f"OutputError {error}")


@pytest.mark.parametrize("limit", [1, 300_000, 1_000_000])
def test_full_disk_leaves_nothing(tmp_path, limit):
    path = tmp_path / "out.tif"
    paths = [str(Path(__file__).parent), *(path for path in sys.path if path)]
    ended = subprocess.run(
        [sys.executable, "-c", f"import test_cogs as t; t.write_noise({str(path)!r}, {limit})"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert f"OutputError {path}: not written" in ended.stderr
    assert ended.returncode == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize("overview", ["average", "mode"])
@pytest.mark.parametrize("hole", [True, False])
def test_overviews_and_zeros_are_the_same_with_and_without_nodata(tmp_path, dtype, overview, hole):
    """Where there is nodata, GDAL takes another way; one pixel of it must change its own alone."""
    rng = np.random.default_rng(5)
    nodata = {"uint8": 255.0, "float32": float("nan")}[dtype]
    array = rng.integers(0, 101, (2, 600, 530)).astype(dtype)
    array[1], array[0, :300] = 0, 0  # blocks of zeros, which GDAL might not write
    if hole:
        array[0, 599, 529] = nodata
    expected = overviews_by_gdal(tmp_path / "plain.tif", array, nodata, overview)
    path = tmp_path / "a.tif"
    write_cog(path, array, size=256, nodata=nodata, names="ab", overview=overview)
    assert [file.name for file in tmp_path.glob("*a.tif*")] == ["a.tif"]
    with rasterio.open(path) as raster:
        np.testing.assert_array_equal(raster.read(), array)
        assert raster.overviews(1) == [2, 4]
        np.testing.assert_equal(raster.nodata, nodata)
    for level, found in enumerate(expected):
        with rasterio.open(path, overview_level=level) as raster:
            np.testing.assert_equal(raster.nodata, nodata)
            np.testing.assert_allclose(raster.read(), found, rtol=1e-6)


def test_a_name_that_is_a_pattern_leaves_nothing_behind(tmp_path):
    numbers = np.full((2, 600, 530), 7, np.uint8)
    path = write_cog(tmp_path / "a[1] & *?.tif", numbers, names="ab")
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    with rasterio.open(path) as raster:
        np.testing.assert_array_equal(raster.read(), numbers)


def overviews_by_gdal(path, array, nodata, overview):
    """Halve a plain GeoTIFF twice, as GDAL does it where nodata is declared."""
    count, height, width = array.shape
    profile = {"count": count, "height": height, "width": width, "transform": CORNER}
    profile |= {"driver": "GTiff", "dtype": array.dtype, "nodata": nodata}
    with rasterio.open(path, "w", **profile) as raster:
        raster.write(array)
    with rasterio.open(path, "r+") as raster:
        raster.build_overviews([2, 4], Resampling[overview])
    found = []
    for level in range(2):
        with rasterio.open(path, overview_level=level) as raster:
            found.append(raster.read())
    return found
