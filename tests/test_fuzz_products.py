"""Damaged products, archives, parcels and journals: an answer or one line of error."""

import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import rasterio
import torch
from hypothesis import given
from hypothesis import strategies as st
from rasterio.windows import Window

from am4cm_cli.datasets.parcels import ParcelFile, read_parcels
from am4cm_cli.masking import mask_stack
from am4cm_cli.orders import MaskConfig, MaskFiles, Resources
from am4cm_cli.parts import parts_folder
from am4cm_cli.rasters.reading import read_window
from am4cm_cli.stacks.discovery import find_stack
from am4cm_cli.stacks.grids import Grid
from am4cm_cli.stacks.polygons import read_polygon
from cloudy import bright_weights
from damage import bytes_damaged, json_damaged, words_damaged
from fuzzing import answer, cases, replaced
from safe import Made, write_safe, zip_safe
from stacks import CORNER, CRS, every_days, random_dn, write_stack

MADE = Made(level="L2A", baseline="05.11", day="2023-04-05")
PARCEL = (
    '{"type": "Feature", "properties": {"crop": "%s", "id": %d}, "geometry": {"type": "Polygon", '
    '"coordinates": [[[%f, 5000000], [%f, 5000000], [%f, 4999900], [%f, 4999900], [%f, 5000000]]]}}'
)


@pytest.fixture(scope="module")
def product(tmp_path_factory):
    """A .SAFE folder and its zip; tests put back what they change."""
    folder = tmp_path_factory.mktemp("product")
    numbers = {"B02": random_dn((12, 6)), "B11": random_dn((6, 3))}
    safe = write_safe(folder / "folder", MADE, numbers)
    packed = zip_safe(safe, folder / "packed")
    return SimpleNamespace(
        safe=safe,
        zip=packed,
        metadata=next(safe.glob("MTD_MSIL2A.xml")),
        images=sorted(safe.rglob("*.jp2")),
    )


def all_pixels(source):
    """A stack and its (T, B, Y, X) reflectance."""
    stack = find_stack(source)
    height, width = stack.grid.shape
    return stack, read_window(stack, stack.bands, Window(0, 0, width, height))[0]


def check_pixels(source):
    found = answer(all_pixels, source)
    if found:
        stack, reflectance = found
        assert reflectance.shape == (len(stack.scenes), len(stack.bands), *stack.grid.shape)
        assert np.isfinite(reflectance).all()


@cases(200)
@given(damage=words_damaged())
def test_metadata_of_a_product_tell_or_are_refused(product, tried, damage):
    with replaced(product.metadata, damage(product.metadata.read_bytes())):
        check_pixels(product.safe)
    tried()


@cases(100)
@given(place=st.integers(0, 1), damage=bytes_damaged())
def test_jpeg_2000_is_read_or_refused(product, tried, place, damage):
    path = product.images[place]
    with replaced(path, damage(path.read_bytes())):
        check_pixels(product.safe)
    tried()


@cases(150)
@given(damage=bytes_damaged())
def test_a_zip_is_read_or_refused(product, tried, damage):
    with replaced(product.zip, damage(product.zip.read_bytes())):
        check_pixels(product.zip)
    tried()


@pytest.fixture(scope="module")
def parcels(tmp_path_factory):
    path = tmp_path_factory.mktemp("parcels") / "parcels.geojson"
    shapes = [
        PARCEL % (name, number, *(500_000 + 40 * number + step for step in (0, 30, 30, 0, 0)))
        for number, name in enumerate(["maize", "meadow", "maize"])
    ]
    crs = '"crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32631"}}'
    path.write_text(f'{{"type": "FeatureCollection", {crs}, "features": [{", ".join(shapes)}]}}')
    return path


@cases(150)
@given(damage=json_damaged())
def test_parcels_are_read_or_refused(parcels, tried, damage):
    grid = Grid(crs=rasterio.crs.CRS.from_string(CRS), transform=CORNER, shape=(10, 12))
    file = ParcelFile(path=parcels, field="crop", layer=None, unlabelled=None, erode=0)
    with replaced(parcels, damage(parcels.read_bytes())):
        answer(read_parcels, file, grid)
        answer(read_polygon, parcels, grid.crs)
    tried()


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """What a run left that was stopped after two windows, and what it would have written."""
    folder = tmp_path_factory.mktemp("stopped")
    dn = np.random.default_rng(0).normal(2000, 60, (6, 10, 40, 18)).astype(np.uint16)
    write_stack(folder / "images", days=every_days(6, step=8), dn=dn)
    out = folder / "mask.tif"
    mask(folder, track=iter)
    whole = out.read_bytes()
    out.unlink()
    with pytest.raises(KeyboardInterrupt):
        mask(folder, track=two_of_them)
    left = shutil.move(parts_folder(out), folder / "left")
    return SimpleNamespace(folder=folder, out=out, whole=whole, left=left)


def mask(folder, track=iter):
    files, resources = MaskFiles(probability=folder / "mask.tif"), Resources(tile=16)
    how = {"device": torch.device("cpu"), "resume": True, "track": track}
    mask_stack(
        find_stack(folder / "images"), files, bright_weights(), MaskConfig(), resources, **how
    )


def two_of_them(windows):
    for place, window in enumerate(windows):
        if place == 2:
            raise KeyboardInterrupt
        yield window


@cases(40)
@given(data=st.data(), damage=bytes_damaged())
def test_what_a_stopped_run_left_is_of_use_or_not_used(stopped, tried, data, damage):
    left = data.draw(st.sampled_from(sorted(path.name for path in stopped.left.iterdir())))
    parts = shutil.copytree(stopped.left, parts_folder(stopped.out))
    path = parts / left
    path.write_bytes(damage(path.read_bytes()))
    answer(mask, stopped.folder)
    if stopped.out.exists():
        assert stopped.out.read_bytes() == stopped.whole
        stopped.out.unlink()
    shutil.rmtree(parts, ignore_errors=True)
    assert sorted(left.name for left in stopped.folder.iterdir()) == ["images", "left"]
    tried()
