"""What is said of a stack holds for cubes and STAC items as for images, or is refused by name."""

import json
from datetime import date

import geopandas
import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.windows import Window
from shapely.geometry import box

from am4cm_cli.errors import StackError
from am4cm_cli.rasters.reading import read_patches, read_preview, read_window
from am4cm_cli.stacks.discovery import find_stack
from am4cm_cli.stacks.options import Box, StackOptions
from cubes import as_dataset
from stacks import CORNER, CRS, every_days, random_dn, write_image, write_stack

pytest.importorskip("zarr")
pytest.importorskip("pystac")

BANDS = ("B02", "B08", "B11")
DAYS = every_days(5)
SHAPE = (8, 6)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The same stack as images, as a cube whose chunks hold several dates, and as STAC items."""
    folder = tmp_path_factory.mktemp("site")
    dn = random_dn((len(DAYS), len(BANDS), *SHAPE))
    dn[3, :, 2:4] = 0
    write_stack(folder / "images", days=DAYS, bands=BANDS, dn=dn)
    chunks = {band: {"chunks": (2, 5, 6)} for band in BANDS}
    as_dataset(folder / "images").to_zarr(
        folder / "cube.zarr", zarr_format=2, consolidated=True, encoding=chunks
    )
    write_items(folder / "items.json", [item(day) for day in DAYS])
    frame = geopandas.GeoDataFrame(geometry=[box(500_011, 4_999_941, 500_049, 4_999_989)], crs=CRS)
    frame.to_file(folder / "field.gpkg")
    larger = CORNER @ Affine.translation(-2, -1)
    write_image(folder / "larger.tif", random_dn((1, 10, 9)), transform=larger)
    shifted = CORNER @ Affine.translation(0.4, 0)
    write_image(folder / "shifted.tif", random_dn((1, *SHAPE)), transform=shifted)
    return folder


def item(day, *, name=None, **properties):
    href = f"images/{name or 'S2_L2A_' + day.replace('-', '')}.tif"
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "id": name or day,
        "geometry": None,
        "properties": {"datetime": f"{day}T00:00:00Z", **properties},
        "links": [],
        "assets": {"image": {"href": href, "bands": [{"name": band} for band in BANDS]}},
    }


def write_items(path, features):
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


def check(found, expected):
    """Every way of reading gives the same numbers."""
    assert (found.grid, found.bands) == (expected.grid, expected.bands)
    assert [scene.time for scene in found.scenes] == [scene.time for scene in expected.scenes]
    height, width = found.grid.shape
    whole = Window(0, 0, width, height)
    part = Window(1, 1, width - 1, height - 2)
    for read in (
        lambda stack: read_window(stack, BANDS, whole),
        lambda stack: read_window(stack, BANDS[1:], part),
        lambda stack: read_patches(stack, BANDS, [part, whole]),
        *(
            lambda stack, t=t: read_preview(stack.scenes[t], BANDS, stack.grid, (2, 3))
            for t in (0, -1)
        ),
    ):
        for own, other in zip(read(found), read(expected), strict=True):
            np.testing.assert_array_equal(own, other)


@pytest.mark.parametrize("source", ["cube.zarr", "items.json"])
@pytest.mark.parametrize(
    "options",
    [
        {"first_day": date.fromisoformat(DAYS[1]), "last_day": date.fromisoformat(DAYS[3])},
        {"box": Box(west=500_005, south=4_999_935, east=500_045, north=4_999_985)},
        {"polygon": "field.gpkg"},
        {"resolution": 20},
        {"resolution": 20, "polygon": "field.gpkg", "first_day": date.fromisoformat(DAYS[2])},
        {"align": True},
        {"align_to": "larger.tif"},
        {"scale": 2e-4, "offset": -0.05},
    ],
)
def test_what_is_asked_for_is_what_images_give(site, source, options):
    paths = {name: site / value for name, value in options.items() if isinstance(value, str)}
    asked = StackOptions(**{**options, **paths})
    check(find_stack(site / source, asked), find_stack(site / "images", asked))


def test_bands_of_several_types_keep_their_numbers_beyond_the_cube(site, tmp_path):
    dataset = as_dataset(site / "images")
    mixed = dataset.assign(B08=(dataset["B08"] * np.float32(1e-4)).astype(np.float32))
    mixed["B08"].attrs = {"_FillValue": 0.0}
    mixed.to_zarr(tmp_path / "mixed.zarr", zarr_format=2, consolidated=True)
    asked = StackOptions(align_to=site / "larger.tif")
    found = find_stack(tmp_path / "mixed.zarr", asked)
    expected = find_stack(site / "images", asked)
    window = Window(0, 0, 9, 10)
    for read in (
        lambda stack: read_window(stack, BANDS, window),
        lambda stack: read_preview(stack.scenes[1], BANDS, stack.grid, (5, 3)),
    ):
        for own, other in zip(read(found), read(expected), strict=True):
            np.testing.assert_allclose(own, other, rtol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dates": "dates.csv"}, r"tells its dates itself; leave --dates away"),
        ({"skip_bad": True}, r"leave --skip-bad away"),
        ({"align_to": "shifted.tif"}, r"is not warped.*Leave --align-to away"),
        ({"max_cloud": 0.5}, r"no metadata tell how cloudy .*Leave --max-cloud away"),
    ],
)
def test_what_cannot_hold_for_a_cube_is_named(site, options, message):
    paths = {name: site / value for name, value in options.items() if isinstance(value, str)}
    with pytest.raises(StackError, match=message) as told:
        find_stack(site / "cube.zarr", StackOptions(**{**options, **paths}))
    assert "\n" not in str(told.value)


def test_items_are_warped_and_told_apart_by_cloud(site):
    cloud = {day: 10 * t for t, day in enumerate(DAYS)}
    features = [item(day, **{"eo:cloud_cover": cloud[day]}) for day in DAYS]
    path = write_items(site / "cloudy.json", features)
    stack = find_stack(path, StackOptions(max_cloud=0.3, align_to=site / "shifted.tif"))
    assert [scene.name for scene in stack.scenes] == list(DAYS[:4])
    expected = find_stack(site / "images", StackOptions(align_to=site / "shifted.tif"))
    whole = Window(0, 0, SHAPE[1], SHAPE[0])
    for own, other in zip(
        read_window(stack, BANDS, whole), read_window(expected, BANDS, whole), strict=True
    ):
        np.testing.assert_array_equal(own, other[:4])


@pytest.mark.parametrize("cover", [-1, 101, float("nan"), "much", True, None])
def test_cloud_that_is_no_share_is_not_known(site, cover):
    path = write_items(site / "odd.json", [item(day, **{"eo:cloud_cover": cover}) for day in DAYS])
    assert {scene.product.cloud_share for scene in find_stack(path).scenes} == {None}


def test_an_item_that_cannot_be_opened_is_left_out_with_a_note(site):
    features = [item(day) for day in DAYS] + [item("2019-01-01", name="gone")]
    path = write_items(site / "gone.json", features)
    with pytest.raises(StackError, match=r"gone\.tif: cannot be opened"):
        find_stack(path)
    stack = find_stack(path, StackOptions(skip_bad=True))
    assert [scene.name for scene in stack.scenes] == list(DAYS)
    assert any("gone.tif" in n and "its item is left out" in n for n in stack.notes)
    only = write_items(site / "none.json", features[-1:])
    with pytest.raises(StackError, match="None of 1 items can be opened"):
        find_stack(only, StackOptions(skip_bad=True))


def test_items_of_one_overpass_are_joined(site):
    """Two tiles side by side, of which the second shows the columns after the first's."""
    tiles = site / "tiles"
    for name, col in (("west", 0), ("east", SHAPE[1])):
        dn = random_dn((len(BANDS), *SHAPE), seed=col)
        place = CORNER @ Affine.translation(col, 0)
        write_image(tiles / f"images/{name}.tif", dn, transform=place, nodata=0)
    features = [item(DAYS[0], name=name) for name in ("west", "east")]
    stack = find_stack(write_items(tiles / "items.json", features))
    (scene,), grid = stack.scenes, stack.grid
    assert (grid.shape, len(scene.fills)) == ((SHAPE[0], 2 * SHAPE[1]), 1)
    reflectance, valid = read_window(stack, ["B08"], Window(0, 0, 2 * SHAPE[1], SHAPE[0]))
    assert valid.all()
    for name, half in zip(("west", "east"), np.split(reflectance[0, 0], 2, axis=1), strict=True):
        with rasterio.open(tiles / f"images/{name}.tif") as raster:
            np.testing.assert_allclose(half, raster.read(2) * 1e-4, rtol=1e-6)


def test_masks_of_an_items_file_count(site):
    """The same image, with a mask inside in place of nodata."""
    folder = site / "masked"
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
        path = folder / f"images/S2_L2A_{DAYS[0].replace('-', '')}.tif"
        write_image(path, random_dn((len(BANDS), *SHAPE)), names=BANDS)
        with rasterio.open(path, "r+") as raster:
            raster.write_mask(np.arange(48).reshape(SHAPE) % 5 > 0)
    stack = find_stack(write_items(folder / "items.json", [item(DAYS[0])]))
    check(stack, find_stack(folder / "images"))
    _, valid = read_window(stack, BANDS, Window(0, 0, SHAPE[1], SHAPE[0]))
    assert valid.sum() == 38
