"""STAC collections of masks, as pystac and rasterio read them."""

import json
from itertools import pairwise

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.crs import CRS
from rasterio.warp import transform

from am4cm_cli.errors import OutputError
from am4cm_cli.exporting.catalogue import is_catalogue
from am4cm_cli.exporting.items import bounding_box, footprint
from am4cm_cli.exporting.verbs import export_mask
from am4cm_cli.exports import Exports
from am4cm_cli.stacks.stack import Grid
from am4cm_cli.storage import Storage
from finished import NAMES, SHAPE, percents, write_finished
from stacks import CORNER

IDS = ["2018-01-06", "2018-01-21T105022", "2018-01-21T105047", "2018-03-07"]


@pytest.fixture
def catalogue(tmp_path):
    numbers = percents()
    mask = write_finished(tmp_path / "clouds.tif", numbers)
    classes = write_finished(
        tmp_path / "classes.tif", np.where(numbers > 3, 255, numbers), content="classes"
    )
    exports = Exports(binary=tmp_path / "b.tif", stac=tmp_path / "stac", threshold=30, dilate=1)
    export_mask(mask, exports, Storage(), beside=[classes])
    return tmp_path / "stac", numbers


def read(folder, name):
    return json.loads((folder / name / f"{name}.json").read_text())


def test_every_date_is_an_item_that_pystac_reads(catalogue):
    pystac = pytest.importorskip("pystac")
    folder, _ = catalogue
    found = pystac.Collection.from_file(str(folder / "collection.json"))
    items = list(found.get_items())
    assert [item.id for item in items] == IDS
    assert found.id == "clouds"
    assert found.extent.temporal.intervals[0][1].isoformat() == "2018-03-07T00:00:00+00:00"
    assert items[1].datetime.isoformat() == "2018-01-21T10:50:22+00:00"
    for item in items:
        assert item.get_collection().id == "clouds"
        assert set(item.assets) == {"cloud_probability", "cloud_mask", "classes"}
        assert item.properties["am4cm:target"] == "cloud"


def test_items_and_collection_follow_the_schema(catalogue):
    """Read by pystac, which brings them up to the version whose schema it has at hand."""
    pystac = pytest.importorskip("pystac")
    pytest.importorskip("jsonschema")
    from pystac.validation.stac_validator import JsonSchemaSTACValidator

    found = pystac.Collection.from_file(str(catalogue[0] / "collection.json"))
    for each in (found, *found.get_items()):
        told = each.to_dict()
        kind = "Collection" if each is found else "Feature"
        validator = JsonSchemaSTACValidator()
        validator.validate_core(told, pystac.STACObjectType(kind), told["stac_version"])


def test_cloud_cover_is_counted_anew(catalogue):
    folder, numbers = catalogue
    for name, date in zip(IDS, numbers, strict=True):
        properties = read(folder, name)["properties"]
        own = date[date != 255]
        if own.size == 0:
            assert "eo:cloud_cover" not in properties
        else:
            assert properties["eo:cloud_cover"] == pytest.approx(
                100 * (own >= 30).mean(), abs=0.005
            )


def test_assets_are_the_dates_of_each_raster(catalogue):
    folder, numbers = catalogue
    item = read(folder, IDS[1])
    assert item["properties"]["proj:epsg"] == 32631
    assert item["properties"]["proj:shape"] == list(SHAPE)
    assert item["properties"]["proj:transform"] == list(CORNER)[:6]
    (band,) = item["assets"]["cloud_probability"]["raster:bands"]
    assert (band["data_type"], band["nodata"], band["scale"]) == ("uint8", 255, 0.01)
    for key, asset in item["assets"].items():
        with rasterio.open(folder / IDS[1] / asset["href"]) as raster:
            assert raster.descriptions == (NAMES[1],)
            assert (raster.read() == 255).sum() >= (numbers[1] == 255).sum()
            if key == "cloud_probability":
                assert (raster.read(1) == numbers[1]).all()
    values = {
        key: {each["value"]: each["name"] for each in asset.get("classification:classes", ())}
        for key, asset in item["assets"].items()
    }
    assert values["cloud_mask"] == {0: "clear", 1: "masked", 255: "nodata"}
    assert values["classes"][3] == "cloud_shadow"
    assert values["cloud_probability"] == {}
    assert any("classification" in link for link in item["stac_extensions"])


@pytest.mark.parametrize("code", ["EPSG:32631", "EPSG:4326", "EPSG:3035", "EPSG:32733"])
def test_footprints_are_the_corners_in_wgs84(code):
    at = {"EPSG:4326": Affine(1e-4, 0, 12.7, 0, -1e-4, 42), "EPSG:3035": CORNER}
    grid = Grid(crs=CRS.from_string(code), transform=at.get(code, CORNER), shape=(300, 200))
    (ring,) = footprint(grid)["coordinates"]
    x, y = zip(*[grid.transform @ corner for corner in ((0, 0), (200, 300))], strict=True)
    lons, lats = transform(grid.crs, CRS.from_epsg(4326), x, y)
    for lon, lat in zip(lons, lats, strict=True):
        assert min(abs(lon - p[0]) + abs(lat - p[1]) for p in ring) < 1e-6
    area = sum(a[0] * b[1] - b[0] * a[1] for a, b in pairwise(ring))
    assert area > 0  # against the clock
    west, south, east, north = bounding_box(footprint(grid))
    assert west < east
    assert south < north


def test_a_footprint_across_the_180th_meridian():
    # UTM zone 1, from its central meridian at 177 W over 300 km to the west.
    grid = Grid(
        crs=CRS.from_epsg(32601), transform=Affine(100, 0, 2e5, 0, -100, 7e6), shape=(900, 3000)
    )
    shape = footprint(grid)
    assert shape["type"] == "MultiPolygon"
    west, south, east, north = bounding_box(shape)
    assert 170 < west < 180
    assert -180 < east < -170
    assert 60 < south < north < 65


def test_of_a_mask_of_what_is_unusable_no_cloud_cover_is_told(tmp_path):
    mask = write_finished(tmp_path / "u.tif", percents(), tags={"AM4CM_TARGET": "unusable"})
    export_mask(mask, Exports(stac=tmp_path / "stac"), Storage())
    item = read(tmp_path / "stac", IDS[0])
    assert "eo:cloud_cover" not in item["properties"]
    assert item["assets"]["cloud_probability"]["title"] == "Probability of cloud or shadow"


def test_floats_have_no_scale_and_nan_for_nodata(tmp_path):
    numbers = np.where(percents() == 255, np.nan, percents() / 100).astype(np.float32)
    mask = write_finished(tmp_path / "f.tif", numbers)
    export_mask(mask, Exports(stac=tmp_path / "stac"), Storage())
    (band,) = read(tmp_path / "stac", IDS[0])["assets"]["cloud_probability"]["raster:bands"]
    assert (band["data_type"], band["nodata"], band["scale"]) == ("float32", "nan", 1)


def test_what_does_not_belong_together(tmp_path):
    mask = write_finished(tmp_path / "a.tif", percents())
    other = write_finished(tmp_path / "b.tif", percents((5, 4)), content="classes")
    with pytest.raises(OutputError, match="other dates or another grid"):
        export_mask(mask, Exports(stac=tmp_path / "stac"), Storage(), beside=[other])
    nowhere = write_finished(tmp_path / "c.tif", percents(), crs=None)
    with pytest.raises(OutputError, match="the mask has no CRS, so its items"):
        export_mask(nowhere, Exports(stac=tmp_path / "stac"), Storage())
    assert not (tmp_path / "stac").exists()


def test_a_catalogue_is_known_again(catalogue, tmp_path):
    assert is_catalogue(catalogue[0])
    (tmp_path / "other").mkdir()
    assert not is_catalogue(tmp_path / "other")
    (tmp_path / "other" / "collection.json").write_text('{"keywords": null}')
    assert not is_catalogue(tmp_path / "other")
