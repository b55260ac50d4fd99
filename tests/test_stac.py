"""STAC items as stacks: catalogues, searches and single items, here and on the web."""

import json

import numpy as np
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.windows import Window

from am4cm_cli.errors import StackError
from am4cm_cli.rasters.reading import read_window
from am4cm_cli.stacks.catalogues import is_catalogue, read_items
from am4cm_cli.stacks.discovery import find_stack
from am4cm_cli.stacks.options import StackOptions
from stacks import CORNER, every_days, random_dn, write_image
from web import served

pytest.importorskip("pystac")

BANDS = ("B02", "B04", "B11")
COMMON = {"B02": "blue", "B04": "red", "B11": "swir16"}
DAYS = every_days(3)
WHOLE = Window(0, 0, 4, 6)


@pytest.fixture
def site(tmp_path):
    """Band files of three dates, B11 in coarser pixels; the same names as a folder of them has."""
    for number, day in enumerate(DAYS):
        for place, band in enumerate(BANDS):
            factor = 2 if band == "B11" else 1
            dn = random_dn((1, 6 // factor, 4 // factor), seed=10 * number + place)
            name = f"images/S2_{day.replace('-', '')}_{band}.tif"
            write_image(tmp_path / name, dn, transform=CORNER @ Affine.scale(factor), nodata=0)
    return tmp_path


def asset(day, band, *, base="images", **told):
    href = f"{base}/S2_{day.replace('-', '')}_{band}.tif"
    return {"href": href, "type": "image/tiff; application=geotiff", "roles": ["data"], **told}


def item(day, *, assets=None, properties=None, version="1.0.0", **more):
    assets = assets or {band: asset(day, band) for band in BANDS}
    return {
        "type": "Feature",
        "stac_version": version,
        "id": f"S2_{day}",
        "geometry": None,
        "links": [],
        "assets": assets,
        "properties": {"datetime": f"{day}T10:50:22.123Z", **(properties or {})},
        **more,
    }


def collection(items):
    return {"type": "FeatureCollection", "features": items}


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def stack_of(site, items):
    return find_stack(write(site / "items.json", collection(items)))


def check(stack, site):
    """Numbers and dates are those of the folder of images."""
    expected = find_stack(site / "images")
    assert stack.bands == expected.bands
    assert [scene.name for scene in stack.scenes] == list(DAYS)
    assert stack.scenes[0].time.isoformat() == f"{DAYS[0]}T10:50:22"
    for own, other in zip(
        read_window(stack, BANDS, WHOLE), read_window(expected, BANDS, WHOLE), strict=True
    ):
        np.testing.assert_array_equal(own, other)


def test_a_collection_of_items_is_the_stack_of_its_files(site):
    check(stack_of(site, [item(day) for day in reversed(DAYS)]), site)


def test_a_static_catalogue_leads_to_items_by_relative_links(site):
    for day in DAYS:
        assets = {band: asset(day, band, base="../../images") for band in BANDS}
        write(site / "stac" / day / "item.json", item(day, assets=assets))
    child = {
        "type": "Collection",
        "stac_version": "1.0.0",
        "id": "s2",
        "links": [
            {"rel": "parent", "href": "../catalog.json"},
            {"rel": "root", "href": "../catalog.json"},
            *({"rel": "item", "href": f"./{day}/item.json"} for day in DAYS),
        ],
    }
    write(site / "stac/collection.json", child)
    root = {"type": "Catalog", "stac_version": "1.0.0", "id": "all", "description": ""}
    links = [
        {"rel": "self", "href": "https://elsewhere"},
        {"rel": "child", "href": "stac/collection.json"},
    ]
    check(find_stack(write(site / "catalog.json", {**root, "links": links})), site)
    # A catalogue that contains itself ends nonetheless.
    child["links"].append({"rel": "child", "href": "../catalog.json"})
    write(site / "stac/collection.json", child)
    check(find_stack(site / "catalog.json"), site)


def test_the_same_on_the_web(site):
    items = write(site / "items.json", collection([item(day) for day in DAYS]))
    links = [{"rel": "items", "href": items.name}]
    write(
        site / "catalog.json",
        {"type": "Catalog", "stac_version": "1.0.0", "id": "a", "links": links},
    )
    with served(site) as url:
        check(find_stack(f"{url}/catalog.json"), site)
        # A file here may lead there.
        there = [
            item(day, assets={band: asset(day, band, base=f"{url}/images") for band in BANDS})
            for day in DAYS
        ]
        check(stack_of(site, there), site)
        with pytest.raises(StackError, match=r"gone\.json: cannot be read .*404"):
            find_stack(f"{url}/gone.json")
    with pytest.raises(StackError, match="cannot be read"):
        find_stack(f"{url}/catalog.json")


@pytest.mark.parametrize(
    "told",
    [
        lambda band: (COMMON[band], {}),
        lambda band: (f"{band}_{'20' if band == 'B11' else '10'}m", {}),
        lambda band: (f"x{band}", {"eo:bands": [{"name": band, "common_name": "rededge"}]}),
        lambda band: (f"x{band}", {"eo:bands": [{"common_name": COMMON[band]}]}),
        lambda band: (f"x{band}", {"bands": [{"name": "1", "eo:common_name": COMMON[band]}]}),
        lambda band: (f"x{band}", {"bands": [{"name": band}]}),
    ],
)
def test_bands_are_told_by_names_of_assets_or_in_them(site, told):
    items = []
    for day in DAYS:
        named = {told(band)[0]: asset(day, band, **told(band)[1]) for band in BANDS}
        items.append(item(day, assets=named))
    check(stack_of(site, items), site)


def test_pictures_masks_and_doubles_are_passed_over(site):
    rgb = {"eo:bands": [{"name": name} for name in ("red", "green", "blue")]}
    items = []
    for day in DAYS:
        assets = {
            "visual": asset(day, "B02", **rgb),
            "thumbnail": {"href": "https://nowhere/t.jpg", "roles": ["thumbnail"], **rgb},
            "quicklook": {"href": "q.png", "roles": ["overview"], **rgb},
            "blue-jp2": {"href": "s3://bucket/B02.jp2", "type": "image/jp2"},
            "red_jp2": {"href": "B04.jp2", "type": "image/jp2"},
            "B11_60m": {"href": "nowhere.tif"},
            **{name: {"href": "nowhere.tif"} for name in ("scl", "aot", "wvp", "granule_metadata")},
            "blue": asset(day, "B02"),
            "B04": asset(day, "B04"),
            "B11_20m": asset(day, "B11"),
        }
        items.append(item(day, assets=assets))
    check(stack_of(site, items), site)


def test_several_bands_of_one_file(tmp_path):
    dn = random_dn((3, 2, 6, 4))
    items = []
    for day, layers in zip(DAYS, dn, strict=True):
        write_image(tmp_path / f"{day}.tif", layers)
        bands = [{"name": "nir"}, {"name": "B03", "raster:offset": -0.1}]
        items.append(item(day, assets={"image": {"href": f"{day}.tif", "bands": bands}}))
    stack = find_stack(write(tmp_path / "items.json", collection(items)))
    assert stack.bands == ("B03", "B08")
    file = stack.scenes[0].bands["B03"]
    assert (file.index, file.offset, stack.scenes[0].bands["B08"].offset) == (2, -0.1, 0)
    reflectance, _ = read_window(stack, ["B08"], WHOLE)
    np.testing.assert_allclose(reflectance[:, 0], dn[:, 0] * 1e-4, rtol=1e-6)


DECLARED = {"raster:bands": [{"scale": 0.0001, "offset": -0.1, "nodata": 0}]}
NEWER = {"bands": [{"name": "a"}], "raster:scale": 0.0001, "raster:offset": -0.1}
SCALE_ALONE = {"raster:bands": [{"scale": 0.0001}]}


@pytest.mark.parametrize(
    ("properties", "told", "offset"),
    [
        # Earth Search v1 declares an offset that it has added already; see its issues 24 and 66.
        ({"earthsearch:boa_offset_applied": True}, DECLARED, 0.0),
        ({"earthsearch:boa_offset_applied": True, "s2:processing_baseline": "05.11"}, {}, 0.0),
        ({"earthsearch:boa_offset_applied": False}, DECLARED, -0.1),
        ({"earthsearch:boa_offset_applied": False, "s2:processing_baseline": "05.11"}, {}, -0.1),
        # The Planetary Computer declares none: the baseline tells.
        ({"s2:processing_baseline": "04.00"}, {}, -0.1),
        ({"s2:processing_baseline": "03.01"}, {}, 0.0),
        ({"s2:processing_baseline": "99.99"}, {}, 0.0),
        ({"processing:version": "05.09"}, SCALE_ALONE, -0.1),
        ({"s2:product_uri": "S2A_MSIL2A_20180101T105022_N0510_R051_T31UFQ_x"}, {}, -0.1),
        # What is declared counts before the baseline.
        ({"s2:processing_baseline": "02.14"}, DECLARED, -0.1),
        ({"s2:processing_baseline": "02.14"}, NEWER, -0.1),
        ({}, {}, 0.0),
    ],
)
def test_the_offset_is_decided_once_for_each_item(site, properties, told, offset):
    items = [item(DAYS[0])]
    for day in DAYS[1:]:
        assets = {band: asset(day, band, **told) for band in BANDS}
        items.append(item(day, assets=assets, properties=properties))
    stack = stack_of(site, items)
    for scene, expected in zip(stack.scenes, (0.0, offset, offset), strict=True):
        found = {(file.scale, file.offset) for file in scene.bands.values()}
        assert found == {(1e-4, expected)}


def test_the_users_word_outweighs_an_items(site):
    items = [item(day, properties={"s2:processing_baseline": "05.00"}) for day in DAYS]
    path = write(site / "items.json", collection(items))
    assert find_stack(path).scenes[0].bands["B02"].offset == -0.1
    assert "are of processing baseline 05.00, so their offset is -0.1" in find_stack(path).notes[0]
    assert find_stack(path, StackOptions(offset=0)).scenes[0].bands["B02"].offset == 0


def test_no_offset_is_taken_off_reflectance(tmp_path):
    items = []
    for day in DAYS:
        write_image(tmp_path / f"{day}.tif", random_dn((1, 6, 4)).astype(np.float32) / 9000)
        told = {"B02": {"href": f"{day}.tif"}}
        items.append(item(day, assets=told, properties={"s2:processing_baseline": "05.00"}))
    file = find_stack(write(tmp_path / "i.json", collection(items))).scenes[0].bands["B02"]
    assert (file.scale, file.offset) == (1, 0)


def test_an_item_tells_of_its_product(site):
    told = {
        "s2:processing_baseline": "05.11",
        "s2:mgrs_tile": "31UFQ",
        "sat:relative_orbit": 51,
        "eo:cloud_cover": 12.5,
        "earthsearch:boa_offset_applied": True,
    }
    assets = {b: asset(DAYS[0], b, **{"raster:bands": [{"nodata": -9}]}) for b in BANDS}
    one = item(DAYS[0], assets=assets, properties=told, collection="sentinel-2-l2a")
    other = item(DAYS[1], properties={"grid:code": "MGRS-31UFQ", "s2:product_type": "S2MSI1C"})
    first, second = (stack_of(site, [own]).scenes[0].product for own in (one, other))
    assert (first.level, first.baseline, first.tile, first.orbit) == ("L2A", "05.11", "T31UFQ", 51)
    assert (first.cloud_share, first.nodata, first.offsets["B02"]) == (0.125, -9, 0)
    assert (second.level, second.tile, second.cloud_share) == ("L1C", "T31UFQ", None)
    with pytest.raises(StackError, match=r"is of level L1C, but .* is of L2A"):
        stack_of(site, [one, other])


def test_what_cannot_be_fetched_is_named(site):
    far = {"blue": {"href": "s3://bucket/B02.jp2"}, "red": asset(DAYS[0], "B04")}
    with pytest.raises(StackError, match=r"its B02 is at s3:/.*reads files and https, no s3"):
        stack_of(site, [item(DAYS[0], assets=far)])
    with pytest.raises(StackError, match=r"gone\.tif: cannot be opened"):
        stack_of(site, [item(DAYS[0], assets={"blue": {"href": "gone.tif"}})])
    with pytest.raises(StackError, match=r"none of its assets is a band \(found scl\)"):
        stack_of(site, [item(DAYS[0], assets={"scl": {"href": "gone.tif"}})])


def test_a_page_of_a_search_says_that_there_are_more(site):
    page = {
        **collection([item(day) for day in DAYS]),
        "links": [{"rel": "next", "href": "?page=2"}],
    }
    stack = find_stack(write(site / "items.json", page))
    assert "is one page of several; the others are not read." in stack.notes[0]


def test_a_catalogue_on_the_web_names_no_files_of_this_machine(site):
    assets = {"blue": {"href": "file:///etc/x.tif"}}
    write(site / "items.json", collection([item(DAYS[0], assets=assets)]))
    write(
        site / "c.json",
        {
            "type": "Catalog",
            "stac_version": "1.0.0",
            "links": [{"rel": "item", "href": "file:///etc/a.json"}],
        },
    )
    with served(site) as url:
        with pytest.raises(StackError, match="of this machine; expected a URL"):
            find_stack(f"{url}/items.json")
        with pytest.raises(StackError, match="which is not of the web"):
            find_stack(f"{url}/c.json")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is no JSON"),
        ("[" * 200_000, "is no JSON"),
        ('{"a":' * 200_000, "is no JSON"),
        ("[1]", "holds list"),
        ('{"type": "FeatureCollection"}', "its features are no list"),
        ('{"type": "FeatureCollection", "features": []}', "holds no items"),
        ('{"type": "FeatureCollection", "features": [7]}', "is no item"),
        ('{"type": "FeatureCollection", "features": [{}]}', "is no item"),
        ('{"type": "GeometryCollection"}', "is of type 'GeometryCollection'"),
        ('{"type": "Catalog", "stac_version": "1.0.0", "id": "a", "links": 3}', "holds no items"),
        ('{"type": "Catalog", "links": [{"rel": "item", "href": 3}]}', "cannot be read"),
        ("\xff\x00", "is no JSON"),
    ],
)
def test_what_is_no_stac_is_said_in_one_line(tmp_path, text, message):
    path = tmp_path / "a.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(StackError, match=message) as told:
        find_stack(path)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"href": 3}, "is no item"),
        ({"href": ""}, "has the href ''"),
        ({"href": "a\0b"}, "has the href"),
        ({"href": "a.tif", "raster:bands": [{"offset": "x"}]}, "offset of 'x'"),
        ({"href": "a.tif", "raster:bands": [{"offset": -1000}]}, "offset of -1000"),
        ({"href": "a.tif", "raster:bands": [{"scale": 0}]}, "scale of 0"),
    ],
)
def test_assets_that_make_no_sense_are_errors(tmp_path, told, message):
    path = write(tmp_path / "a.json", collection([item(DAYS[0], assets={"blue": told})]))
    with pytest.raises(StackError, match=message):
        find_stack(path)


def test_files_too_large_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("am4cm_cli.stacks.catalogues.MOST_BYTES", 1000)
    path = write(tmp_path / "a.json", collection([item(day) for day in DAYS]))
    with pytest.raises(StackError, match="larger than 1000 bytes"):
        read_items(str(path))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
PLACES = [
    (name,) for name in ("type", "id", "links", "assets", "properties", "bbox", "stac_version")
] + [("assets", "blue"), ("properties", "datetime"), ("properties", "eo:cloud_cover")]
PLACES += [("assets", "blue", name) for name in ("href", "type", "roles", "bands", "eo:bands")]


@settings(max_examples=25)
@given(place=st.sampled_from(PLACES), value=JSON)
def test_any_json_in_an_item_is_read_or_refused(tmp_path_factory, place, value):
    spoilt = item(DAYS[0], assets={"blue": {"href": "nowhere.tif"}})
    inner = spoilt
    for name in place[:-1]:
        inner = inner[name]
    inner[place[-1]] = value
    path = write(tmp_path_factory.mktemp("any") / "a.json", collection([spoilt]))
    with pytest.raises(StackError):
        find_stack(path)


def test_only_json_is_taken_for_a_catalogue(tmp_path):
    path = write(tmp_path / "a.geojson", {})
    assert is_catalogue(str(path))
    assert is_catalogue("https://host/v1/collections/s2/items?limit=10")
    assert not is_catalogue("https://host/a.tif")
    assert not is_catalogue(str(tmp_path / "b.json"))
    assert not is_catalogue(str(tmp_path))
