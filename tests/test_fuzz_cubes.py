"""Damaged STAC items and Zarr stores: a stack or one line of error."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rasterio.windows import Window

from am4cm_cli.rasters.reading import read_window
from am4cm_cli.stacks.discovery import find_stack
from cubes import as_dataset
from damage import bytes_damaged, json_damaged
from fuzzing import answer, cases, replaced
from stacks import every_days, write_stack

DAYS, BANDS, SHAPE = every_days(3), ("B02", "B08"), (6, 4)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """The same images, as items and as a Zarr store; tests put back what they change."""
    folder = tmp_path_factory.mktemp("cubes")
    write_stack(folder / "images", days=DAYS, bands=BANDS, shape=SHAPE)
    items = folder / "items.json"
    items.write_text(json.dumps({"type": "FeatureCollection", "features": [*map(item, DAYS)]}))
    store = folder / "cube.zarr"
    as_dataset(folder / "images").to_zarr(store, zarr_format=3, consolidated=False)
    files = sorted(path for path in store.rglob("*") if path.is_file())
    return SimpleNamespace(items=items, store=store, files=files)


def item(day):
    told = {"eo:bands": [{"name": band} for band in BANDS], "raster:bands": [{"scale": 1e-4}] * 2}
    href = f"images/S2_L2A_{day.replace('-', '')}.tif"
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": day,
        "geometry": None,
        "links": [],
        "assets": {"image": {"href": href, "type": "image/tiff", "roles": ["data"], **told}},
        "properties": {"datetime": f"{day}T10:50:22Z", "eo:cloud_cover": 20},
        "collection": "sentinel-2-l2a",
    }


def check_pixels(source):
    stack = answer(find_stack, source)
    if stack is None:
        return
    height, width = stack.grid.shape
    found = answer(read_window, stack, stack.bands, Window(0, 0, width, height))
    if found:
        assert found[0].shape == (len(stack.scenes), len(stack.bands), height, width)
        assert np.isfinite(found[0]).all()


@cases(200)
@given(damage=json_damaged())
def test_items_are_a_stack_or_refused(place, tried, damage):
    with replaced(place.items, damage(place.items.read_bytes())):
        check_pixels(place.items)
    tried()


@cases(120)
@given(data=st.data())
def test_a_zarr_store_is_read_or_refused(place, tried, data):
    path = data.draw(st.sampled_from(place.files))
    damage = data.draw(json_damaged() if path.suffix == ".json" else bytes_damaged())
    with replaced(path, damage(path.read_bytes())):
        check_pixels(place.store)
    tried()
