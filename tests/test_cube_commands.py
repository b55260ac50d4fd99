"""Cubes and catalogues on the command line."""

import json
import sys

import numpy as np
import pytest
import rasterio

from am4cm_cli.weights import save_weights
from cloudy import DATES, bright_weights, write_cloudy
from cubes import as_dataset
from test_commands import run  # noqa: F401

pytest.importorskip("zarr")
pytest.importorskip("netCDF4")
pytest.importorskip("pystac")


@pytest.fixture
def site(tmp_path):
    write_cloudy(tmp_path)
    save_weights(tmp_path / "bright.safetensors", bright_weights())
    return tmp_path


def items_of(images):
    """An ItemCollection of the images, bands by their places in the files."""
    features = []
    for path in sorted(images.glob("*.tif")):
        with rasterio.open(path) as raster:
            bands = [{"name": name} for name in raster.descriptions]
        day = f"{path.stem[-8:-4]}-{path.stem[-4:-2]}-{path.stem[-2:]}"
        features.append(
            {
                "type": "Feature",
                "stac_version": "1.1.0",
                "id": path.stem,
                "geometry": None,
                "properties": {"datetime": f"{day}T00:00:00Z"},
                "links": [],
                "assets": {"image": {"href": f"images/{path.name}", "bands": bands}},
            }
        )
    return {"type": "FeatureCollection", "features": features}


def test_masks_of_cubes_and_items_are_those_of_the_images(site, run):  # noqa: F811
    dataset = as_dataset(site / "images")
    chunks = {band: {"chunks": (5, 8, 19)} for band in dataset.data_vars}
    dataset.to_zarr(site / "cube.zarr", zarr_format=2, consolidated=True, encoding=chunks)
    dataset.to_netcdf(site / "cube.nc", engine="netcdf4")
    (site / "items.json").write_text(json.dumps(items_of(site / "images")))
    pixels, facts = {}, {}
    for source in ("images", "cube.zarr", "cube.nc", "items.json"):
        out = site / f"{source}.mask.tif"
        options = ["--weights", site / "bright.safetensors", "--tile", "16"]
        done = run("mask", site / source, out, *options)
        assert (done.returncode, done.stdout) == (0, b""), done.stderr
        with rasterio.open(out) as raster:
            pixels[source] = raster.read()
            facts[source] = raster.crs, raster.transform, raster.descriptions
    for source in ("cube.zarr", "cube.nc", "items.json"):
        np.testing.assert_array_equal(pixels[source], pixels["images"])
        assert facts[source] == facts["images"]


def test_info_shows_what_is_understood_of_a_cube(site, run):  # noqa: F811
    as_dataset(site / "images").to_netcdf(site / "cube.nc", engine="netcdf4")
    report = json.loads(run("info", site / "cube.nc", "--json").stdout)
    assert len(report["scenes"]) == DATES
    assert report["grid"]["crs"] == "EPSG:32631"
    assert b"14 scenes" in run("info", site / "cube.nc").stdout


def test_faults_are_told_in_one_line_and_leave_nothing(site, run):  # noqa: F811
    (site / "cut.nc").write_bytes(b"\x89HDF\r\n\x1a\n")
    (site / "items.json").write_text("{")
    (site / "empty.zarr").mkdir()
    for source in ("cut.nc", "items.json", "empty.zarr"):
        done = run("mask", site / source, site / "out.tif")
        assert (done.returncode, done.stdout) == (1, b"")
        assert done.stderr.startswith(b"error: ")
        assert done.stderr.count(b"\n") == 1, done.stderr
    assert not list(site.glob("out*"))


@pytest.mark.parametrize(
    ("module", "source", "extra"), [("netCDF4", "cube.nc", "xarray"), ("pystac", "a.json", "stac")]
)
def test_what_is_not_installed_is_named_with_its_extra(
    site,
    run,  # noqa: F811
    monkeypatch,
    module,
    source,
    extra,
):
    (site / source).write_text("{}")
    monkeypatch.setitem(sys.modules, module, None)
    done = run("mask", site / source, site / "out.tif")
    assert done.returncode == 1
    assert f'pip install "am4cm[{extra}]"' in done.stderr.decode()
