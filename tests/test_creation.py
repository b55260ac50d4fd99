"""GDAL's creation options: those it takes, those it would only warn of, those that lose numbers."""

import numpy as np
import pytest
import rasterio
from rio_cogeo.cogeo import cog_validate

from am4cm_cli.errors import OutputError
from am4cm_cli.rasters.creation import check_storage, read_options
from am4cm_cli.storage import Storage
from test_cogs import percents, write_cog


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["TILED=NO"], "expected KEY=VALUE with one of BIGTIFF, BLOCKSIZE"),
        (["COMPRESS"], "expected KEY=VALUE"),
        (["COMPRESS="], "expected KEY=VALUE"),
        (["compress=lzw", "COMPRESS=ZSTD"], "COMPRESS is given twice"),
    ],
)
def test_words_that_are_no_options(words, said):
    with pytest.raises(OutputError, match=said):
        read_options(words)


@pytest.mark.parametrize(
    ("options", "dtype", "said"),
    [
        ({"COMPRESS": "JPEG"}, "uint8", "keeps all numbers, one of NONE, DEFLATE"),
        ({"ZLEVEL": "99"}, "uint8", "ZLEVEL=99: .*(not recognised|should be <= 12)"),
        ({"BIGTIFF": "MAYBE"}, "uint8", "'MAYBE' is an unexpected value for BIGTIFF"),
        ({"PREDICTOR": "3"}, "uint8", "only supported with Float32"),
        ({"PREDICTOR": "9"}, "float32", "--co PREDICTOR=9: GDAL does not write a float32 raster"),
        ({"BLOCKSIZE": "100"}, "uint8", "a multiple of 16 from 64 to 4096"),
        ({"BLOCKSIZE": "many"}, "uint8", "a multiple of 16"),
    ],
)
def test_values_that_gdal_would_only_warn_of_or_fail_at_late(options, dtype, said):
    with pytest.raises(OutputError, match=said):
        check_storage(Storage(options=options), [dtype])


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize(
    "options",
    [
        {"COMPRESS": "ZSTD", "PREDICTOR": "YES", "ZSTD_LEVEL": "3"},
        {"COMPRESS": "LZW", "PREDICTOR": "NO"},
        {"COMPRESS": "NONE", "BLOCKSIZE": "128"},
        {"COMPRESS": "LERC", "BLOCKSIZE": "512"},
        {"SPARSE_OK": "TRUE", "ZLEVEL": "9"},
    ],
)
def test_cogs_hold_the_same_numbers_however_they_are_stored(tmp_path, options, dtype):
    numbers, nodata = percents((700, 530)), 255
    if dtype == "float32":
        numbers, nodata = np.where(numbers == 255, np.nan, numbers / 100).astype(dtype), np.nan
    storage = Storage(options=options)
    check_storage(storage, [dtype])
    path = write_cog(tmp_path / "a.tif", numbers, nodata=nodata, storage=storage)
    assert cog_validate(path, strict=True) == (True, [], [])
    with rasterio.open(path) as raster:
        np.testing.assert_array_equal(raster.read(), numbers)
        side = int(options.get("BLOCKSIZE", 256))
        assert raster.block_shapes == [(side, side)] * 3
        stored = raster.tags(ns="IMAGE_STRUCTURE").get("COMPRESSION", "NONE")
        assert stored == options.get("COMPRESS", "DEFLATE")


def test_the_predictor_that_fits_each_type(tmp_path):
    storage = Storage(options={"COMPRESS": "ZSTD", "PREDICTOR": "YES"})
    for dtype, predictor in (("uint8", "2"), ("float32", "3")):
        path = write_cog(
            tmp_path / f"{dtype}.tif", percents((60, 50)).astype(dtype), storage=storage
        )
        with rasterio.open(path) as raster:
            assert raster.tags(ns="IMAGE_STRUCTURE")["PREDICTOR"] == predictor


def test_a_plain_geotiff_is_tiled_and_has_no_overviews(tmp_path):
    numbers = percents((700, 530))
    path = write_cog(tmp_path / "a.tif", numbers, storage=Storage(overviews=False))
    with rasterio.open(path) as raster:
        np.testing.assert_array_equal(raster.read(), numbers)
        assert raster.overviews(1) == []
        assert raster.block_shapes == [(256, 256)] * 3


def test_colours_go_into_single_bands_alone(tmp_path):
    colours = {0: (1, 2, 3), 1: (250, 240, 230)}
    for names in ("a", "abc"):
        numbers = (percents((300, 40))[: len(names)] % 2).astype(np.uint8)
        path = write_cog(
            tmp_path / f"{names}.tif", numbers, names=names, overview="mode", colours=colours
        )
        with rasterio.open(path) as raster:
            np.testing.assert_array_equal(raster.read(), numbers)
    with rasterio.open(tmp_path / "a.tif") as raster:
        assert raster.colormap(1)[1] == (250, 240, 230, 255)
    with rasterio.open(tmp_path / "abc.tif") as raster, pytest.raises(ValueError, match="NULL"):
        raster.colormap(1)
