"""cloud_probability: the mask command's own bytes, from memory and by dask."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch
from rasterio.crs import CRS

import am4cm_cli
from am4cm_cli.errors import Am4cmError, StackError
from am4cm_cli.masking import mask_stack
from am4cm_cli.orders import MaskConfig, MaskFiles
from am4cm_cli.stacks.discovery import find_stack
from am4cm_cli.weights import load_weights, save_weights
from cloudy import DATES, SHAPE, bright_weights, write_cloudy
from cubes import as_array, as_dataset
from stacks import CORNER

dask = pytest.importorskip("dask")
cloudpickle = pytest.importorskip("cloudpickle")  # dask's own
TARGETS = ("cloud", "unusable")


class Site:
    """A stack on disk, its masks as the command makes them, and the same as a Dataset."""

    def __init__(self, folder):
        write_cloudy(folder)
        self.weights = folder / "bright.safetensors"
        save_weights(self.weights, bright_weights())
        self.images, self.dataset = folder / "images", as_dataset(folder / "images")
        self.masks = {target: self._mask(folder / f"{target}.tif", target) for target in TARGETS}

    def _mask(self, out, target):
        mask_stack(
            find_stack(self.images),
            MaskFiles(probability=out),
            load_weights(self.weights),
            MaskConfig(target=target, dtype="float32"),
            device=torch.device("cpu"),
        )
        with rasterio.open(out) as raster:
            return raster.read()

    def ask(self, dataset, **options):
        """Probabilities, and what was told."""
        told = []
        options = {"weights": self.weights, "tell": told.append, **options}
        return am4cm_cli.cloud_probability(dataset, **options), told

    def check(self, found):
        """Every byte is the mask's."""
        assert found.dtype == np.float32
        for target in found.band.values:
            there = found.sel(band=target).transpose("time", "y", "x").values
            assert there.tobytes() == self.masks[target].tobytes()


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    return Site(tmp_path_factory.mktemp("site"))


def test_numbers_in_memory_give_the_masks_own_bytes(site):
    found, told = site.ask(site.dataset, targets=TARGETS)
    assert found.band.values.tolist() == list(TARGETS)
    site.check(found)
    assert told == []


@pytest.mark.parametrize(
    "chunks",
    [
        {"time": 1, "y": SHAPE[0], "x": SHAPE[1]},
        {"time": -1, "y": 12, "x": 7},
        {"time": 5, "y": 21, "x": 18},
    ],
)
def test_so_do_chunks_of_any_size(site, chunks):
    found, _ = site.ask(site.dataset.chunk(chunks), targets=TARGETS)
    assert found.chunks is not None
    site.check(found.compute(scheduler="threads", num_workers=3))


@pytest.mark.parametrize(
    ("order", "chunks"),
    [(("time", "band", "y", "x"), None), (("y", "x", "band", "time"), {"x": 10})],
)
def test_one_variable_with_bands_in_any_order_of_dimensions(site, order, chunks):
    array = as_array(site.dataset, *order)
    found, _ = site.ask(array if chunks is None else array.chunk(chunks))
    assert found.dims == ("time", "band", "y", "x")
    site.check(found.compute())


def test_large_chunks_are_divided_and_nothing_changes(site, monkeypatch):
    monkeypatch.setattr("am4cm_cli.cube_masks.CHUNK_BYTES", 90_000)
    found, _ = site.ask(site.dataset.chunk({"time": 1}))
    assert len(found.chunks[2]) > 1
    site.check(found.compute())


def test_windows_of_memory_change_nothing_either(site, monkeypatch):
    monkeypatch.setattr("am4cm_cli.cube_masks.SIDE", 13)
    site.check(site.ask(site.dataset)[0])


def test_dates_come_back_in_the_order_they_came_in(site):
    order = [*range(5, DATES), *range(4, -1, -1)]
    for given in (site.dataset, site.dataset.chunk({"y": 12})):
        found, _ = site.ask(given.isel(time=order))
        np.testing.assert_array_equal(found.time, site.dataset.time[order])
        site.check(found.compute().sortby("time"))


def test_place_dates_and_crs_stay(site):
    found, _ = site.ask(site.dataset.chunk({"x": 10}))
    assert CRS.from_wkt(found.rio.crs.to_wkt()) == CRS.from_epsg(32631)
    for name in ("time", "y", "x"):
        assert found[name].equals(site.dataset[name])
    assert found.rio.bounds()[0] == CORNER.c
    assert found.attrs["am4cm_weights"] == "bright"
    flags = site.dataset["B02"].where(found.sel(band="cloud") < 0.5)
    assert flags.shape == (DATES, *SHAPE)


def test_reflectance_and_numbers_are_the_same(site):
    declared = site.dataset.map(lambda dn: (dn + 1000).astype(np.int16))
    for variable in declared.data_vars.values():
        variable.attrs = {"scale_factor": 1e-4, "add_offset": -0.1, "_FillValue": -1}
    bare = declared.drop_attrs()
    told, _ = site.ask(declared)
    given, _ = site.ask(bare, scale=1e-4, offset=-0.1)
    assert told.equals(given)
    reflectance = (site.dataset.drop_attrs() * np.float32(1e-4)).astype(np.float32)
    floats, _ = site.ask(reflectance.drop_vars("spatial_ref"), targets=["cloud"])
    np.testing.assert_allclose(floats[:, 0].values, told[:, 0].values, atol=2e-3)


def test_what_is_missing_comes_back_as_nan(site):
    floats = site.dataset.drop_attrs() * 1e-4
    hole = floats.where((floats.x != floats.x[4]) | (floats.time != floats.time[2]))
    for given in (hole, hole.chunk({"y": 13})):
        found, _ = site.ask(given)
        empty = np.isnan(found.sel(band="cloud").values)
        assert empty[2, :, 4].all()
        assert empty.sum() == SHAPE[0]


def test_bands_are_named_where_they_are_not(site):
    names = list(site.dataset.data_vars)
    bare = as_array(site.dataset, "time", "band", "y", "x").drop_vars("band")
    with pytest.raises(StackError, match=r"none of its 10 bands has a known name.*bands="):
        site.ask(bare)
    site.check(site.ask(bare, bands=names)[0])
    with pytest.raises(StackError, match=r"has 10 bands .* but 2 band names were given"):
        site.ask(bare, bands=["B02", "B03"])


def test_users_are_warned_in_pythons_own_way(site):
    few = site.dataset[["B02", "B04", "B08", "B11", "B12"]].chunk({"x": 9})
    with pytest.warns(UserWarning, match="The stack has no B03"):
        am4cm_cli.cloud_probability(few, weights=site.weights)


def test_targets_are_known(site):
    one, _ = site.ask(site.dataset, targets=["unusable"])
    assert one.band.values.tolist() == ["unusable"]
    for wrong in ("cloud", (), ("clouds",)):
        with pytest.raises(Am4cmError, match="expected some of"):
            site.ask(site.dataset, targets=wrong)


def test_nothing_but_a_sample_is_computed_before_it_is_asked_for(site):
    wide = site.dataset.isel(x=np.arange(912) % SHAPE[1]).assign_coords(x=np.arange(912) * 10.0)
    seen = set()

    def load(block, block_info=None):
        seen.add(block_info[0]["chunk-location"][-1])
        return block

    lazy = wide.chunk({"x": 8})
    for name, own in lazy.data_vars.items():
        lazy[name] = own.copy(data=own.data.map_blocks(load, dtype=own.dtype, meta=own.data._meta))
    found, _ = site.ask(lazy)
    assert 0 < len(seen) < 60
    found.isel(x=slice(908, 912)).compute()
    assert 113 in seen


def test_the_model_is_one_node_of_the_graph_however_many_chunks(site):
    found, _ = site.ask(site.dataset.chunk({"y": 22, "x": 3}))
    (chunked,) = dask.optimize(found.data)
    nodes = dict(chunked.__dask_graph__())
    holding = [key for key, node in nodes.items() if b"StackScorer" in cloudpickle.dumps(node)]
    assert len(holding) == 1
    assert len(nodes) >= 7


# Of what odc-stac is built on.
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::PendingDeprecationWarning")
def test_what_odc_stac_loads_is_a_stack(site):
    stac = pytest.importorskip("odc.stac")
    pystac = pytest.importorskip("pystac")
    items = []
    west, south, east, north = site.dataset.rio.transform_bounds("EPSG:4326")
    corners = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    few = site.dataset[["B02", "B04", "B08", "B11"]].isel(time=slice(6))
    for scene in find_stack(site.images).scenes[:6]:
        item = pystac.Item(
            id=scene.name,
            geometry={"type": "Polygon", "coordinates": [corners]},
            bbox=[west, south, east, north],
            datetime=scene.time,
            properties={},
        )
        for band in few.data_vars:
            file = scene.bands[band]
            told = {"raster:bands": [{"data_type": "uint16", "nodata": 0}]}
            folder = site.images.parent / "odc"
            folder.mkdir(exist_ok=True)
            with rasterio.open(file.path) as raster:
                one = raster.profile | {"count": 1}
                path = folder / f"{scene.name}_{band}.tif"
                with rasterio.open(path, "w", **one) as out:
                    out.write(raster.read([file.index]))
            item.add_asset(
                band, pystac.Asset(str(path), media_type="image/tiff", extra_fields=told)
            )
        items.append(item)
    loaded = stac.load(items, like=site.dataset, chunks={"x": 10})
    assert loaded["B02"].chunks is not None
    found, expected = site.ask(loaded)[0].compute(), site.ask(few)[0]
    assert found.values.tobytes() == expected.values.tobytes()


def test_the_example_of_the_docs_runs():
    text = (Path(__file__).parents[1] / "docs/python.md").read_text()
    example = re.findall(r"```python run[^\n]*\n(.*?)```", text, re.DOTALL)[0]
    seen = {}
    with pytest.warns(UserWarning, match="The stack has no B05") as told:
        exec(example, seen)  # noqa: S102
    assert told[0].filename == "<string>"
    found = seen["cloud"].sel(x=seen["dataset"].x[:20]).isel(time=[2, 5, 6]).values
    assert found.mean() > 0.99
    assert 0.5 <= seen["cloud"].isel(time=2).mean() < 0.6


def test_importing_the_package_costs_nothing():
    code = "import sys, am4cm_cli; print({'torch', 'xarray', 'numpy'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"
    with pytest.raises(AttributeError, match="no attribute 'clouds'"):
        am4cm_cli.clouds  # noqa: B018


def test_what_is_no_stack_is_said_to_be_none(site):
    with pytest.raises(StackError, match="ndarray: is no stack in memory"):
        site.ask(np.zeros((3, 4)))
    with pytest.raises(StackError, match=r"has no dimension of dates; found time \(14\)"):
        site.ask(site.dataset.drop_vars("time"))
