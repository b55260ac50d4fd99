"""Polygons: which pixels count, from files of every kind."""

import json

import geopandas
import numpy as np
import pytest
import rasterio
import rasterio.mask
from rasterio.windows import Window
from shapely import Point
from shapely.geometry import box
from shapely.geometry.polygon import Polygon

from am4cm_cli.errors import Am4cmError, StackError
from am4cm_cli.rasters.reading import read_patches, read_window
from am4cm_cli.stacks.discovery import find_stack
from am4cm_cli.stacks.options import Box, StackOptions
from cloudy import DATES, SHAPE, write_cloudy
from stacks import CRS, write_image
from test_masking import mask

# From column 3 to 15 and row 2 to 18 of the cloudy stack; no vertex on the centre of a pixel.
CORNERS = [(500_031, 4_999_977), (500_152, 4_999_902), (500_118, 4_999_823), (500_044, 4_999_861)]
FIELD = Polygon(CORNERS)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    write_cloudy(folder)
    return folder


def write_polygons(path, *polygons, crs=CRS, to=None):
    frame = geopandas.GeoDataFrame({"name": range(len(polygons))}, geometry=list(polygons), crs=crs)
    frame = frame if to is None else frame.to_crs(to)
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    else:
        frame.to_file(path)
    return path


def by_hand(polygon, shape=SHAPE):
    """Which centres of pixels of the whole grid lie within."""
    rows, cols = np.mgrid[: shape[0], : shape[1]]
    return np.array(
        [
            polygon.contains(Point(500_005 + 10 * col, 4_999_995 - 10 * row))
            for row, col in zip(rows.ravel(), cols.ravel(), strict=True)
        ]
    ).reshape(shape)


@pytest.mark.parametrize("name", ["field.gpkg", "field.geojson", "field.parquet"])
def test_pixels_within_a_polygon_are_read(site, tmp_path, name):
    to = "EPSG:4326" if name.endswith("json") else "EPSG:3857"
    path = write_polygons(tmp_path / name, FIELD, to=to)
    stack = find_stack(site / "images", StackOptions(polygon=path))
    _, valid = read_window(stack, ("B02",), Window(0, 0, *stack.grid.shape[::-1]))
    row, col = np.argwhere(by_hand(FIELD)).min(axis=0)
    expected = by_hand(FIELD)[row - 1 :, col:]  # the tip of the field reaches into a row more
    placed = np.zeros(expected.shape, bool)
    height, width = stack.grid.shape
    placed[:height, :width] = valid[0]
    assert (placed == expected).all()
    assert "of the grid lie within" in " ".join(stack.notes)


@pytest.mark.filterwarnings("ignore:Use `@`")
def test_a_polygon_is_masked_as_images_cut_along_it(site, tmp_path):
    path = write_polygons(tmp_path / "field.gpkg", FIELD)
    for image in sorted((site / "images").glob("*.tif")):
        with rasterio.open(image) as raster:
            dn, place = rasterio.mask.mask(raster, [FIELD], crop=True, nodata=0)
            how = {"names": raster.descriptions, "transform": place, "nodata": 0}
        write_image(tmp_path / "cut" / image.name, dn, **how)
    found = find_stack(site / "images", StackOptions(polygon=path))
    expected, profile, _ = mask(tmp_path / "cut", tmp_path / "expected.tif")
    got, own, _ = mask(found, tmp_path / "got.tif")
    assert (got == expected).all()
    assert own["transform"] == profile["transform"]
    assert (got == 255).any(axis=(1, 2)).all()
    assert (got != 255).any(axis=(1, 2)).all()


def test_several_polygons_and_a_box(site, tmp_path):
    left, right = (
        box(500_002, 4_999_802, 500_048, 4_999_988),
        box(500_102, 4_999_902, 5e5 + 188, 5e6),
    )
    path = write_polygons(tmp_path / "two.gpkg", left, right)
    limits = Box(west=500_020, south=4_999_830, east=500_160, north=4_999_960)
    stack = find_stack(site / "images", StackOptions(polygon=path, box=limits))
    assert stack.grid.shape == (13, 14)
    _, valid = read_window(stack, ("B02", "B12"), Window(0, 0, 14, 13))
    expected = (by_hand(left) | by_hand(right))[4:17, 2:16]
    assert (valid == expected).all()
    windows = [Window(1, 2, 4, 3), Window(4, 9, 4, 4), Window(5, 0, 2, 2)]
    reflectance, seen = read_patches(stack, ("B02", "B12"), windows)
    apart = [read_window(stack, ("B02", "B12"), window) for window in windows]
    assert (seen == np.concatenate([v.reshape(DATES, -1) for _, v in apart], axis=1)).all()
    flat = np.concatenate([r.reshape(DATES, 2, -1) for r, _ in apart], axis=2)
    assert (reflectance == flat).all()
    assert (reflectance[:, 0][~seen] == 0).all()


def test_a_polygon_of_all_pixels_only_crops(site, tmp_path):
    path = write_polygons(tmp_path / "all.gpkg", box(499_000, 4_999_000, 501_000, 5_001_000))
    stack = find_stack(site / "images", StackOptions(polygon=path))
    assert stack.grid.shape == SHAPE
    assert stack.scenes[0].area is None


def test_long_sides_are_bent_as_their_crs_bends_them(tmp_path):
    """The northern side of a rectangle in degrees, 2 degrees wide, is no straight line in UTM."""
    dn = np.ones((1, 50, 20), np.uint16)
    transform = rasterio.Affine(8000, 0, 420_000, 0, -100, 5_541_000)
    write_image(tmp_path / "20180101.tif", dn, names=["B02"], transform=transform)
    lonlat = box(2, 49.5, 4, 50)
    path = write_polygons(tmp_path / "box.geojson", lonlat, crs="EPSG:4326")
    stack = find_stack(tmp_path, StackOptions(polygon=path))
    height, width = stack.grid.shape
    _, valid = read_window(stack, ("B02",), Window(0, 0, width, height))
    cols, rows = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    xs, ys = stack.grid.transform @ (cols.ravel(), rows.ravel())
    lons, lats = rasterio.warp.transform(CRS, "EPSG:4326", xs, ys)
    inside = (np.array(lats) < 50) & (np.array(lons) > 2) & (np.array(lons) < 4)
    assert (valid[0].ravel() == inside).mean() > 0.995
    assert not valid[0].all(axis=1)[:3].any()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nonsense", "cannot be read as polygons"),
        ('{"type": "FeatureCollection", "features": []}', "holds nothing; expected polygons"),
        (json.dumps({"type": "Point", "coordinates": [3, 45]}), "holds Point; expected polygons"),
        (
            json.dumps({"type": "Polygon", "coordinates": [[[9, 9], [9, 10], [10, 10], [9, 9]]]}),
            "no pixel's centre lies within its polygons; expected some of 5000",
        ),
    ],
)
def test_a_file_without_polygons_here(site, tmp_path, text, message):
    path = tmp_path / "field.geojson"
    path.write_text(text)
    with pytest.raises(StackError, match=message):
        find_stack(site / "images", StackOptions(polygon=path))


@pytest.mark.parametrize("content", [b"", b"PAR1", b"\x00" * 40])
def test_a_broken_parquet(site, tmp_path, content):
    path = tmp_path / "field.parquet"
    path.write_bytes(content)
    with pytest.raises(StackError, match=r"field\.parquet: cannot be read as polygons"):
        find_stack(site / "images", StackOptions(polygon=path))


def test_a_file_of_two_layers(site, tmp_path):
    path = write_polygons(tmp_path / "field.gpkg", FIELD)
    frame = geopandas.read_file(path)
    frame.to_file(path, layer="others")
    with pytest.raises(StackError, match="has 2 layers, field, others; expected one"):
        find_stack(site / "images", StackOptions(polygon=path))


@pytest.mark.filterwarnings("ignore:'crs' was not provided")
def test_polygons_without_a_crs(site, tmp_path):
    path = write_polygons(tmp_path / "field.gpkg", FIELD, crs=None)
    with pytest.raises(StackError, match="has no CRS"):
        find_stack(site / "images", StackOptions(polygon=path))


def test_without_geopandas_the_extra_is_named(site, tmp_path, monkeypatch):
    path = write_polygons(tmp_path / "field.gpkg", FIELD)
    monkeypatch.setitem(__import__("sys").modules, "geopandas", None)
    with pytest.raises(Am4cmError, match=r"pip install .am4cm\[vector\]"):
        find_stack(site / "images", StackOptions(polygon=path))
