"""The options of images on the command line: understood, shared, and noticed when they change."""

import json

import geopandas
import pytest
import rasterio
import torch
from shapely.geometry import box

from am4cm_cli.commands.images import IMAGE_OPTIONS
from am4cm_cli.marks import mark_scenes
from am4cm_cli.masking import mask_stack
from am4cm_cli.orders import MaskConfig, MaskFiles, Resources
from am4cm_cli.stacks.discovery import find_stack
from am4cm_cli.stacks.options import Box, StackOptions
from am4cm_cli.weights import save_weights
from cloudy import bright_weights, write_cloudy
from stacks import CRS, random_dn, write_image
from test_commands import run  # noqa: F401

BOX = "500030,4999850,500170,4999960"
LAST = "2018-04-07"
"""Of the 13th of 14 dates."""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    write_cloudy(folder)
    save_weights(folder / "w.safetensors", bright_weights())
    field = box(500_041, 4_999_861, 500_158, 4_999_951)
    frame = geopandas.GeoDataFrame(geometry=[field], crs=CRS).to_crs("EPSG:4326")
    frame.to_file(folder / "field.gpkg")
    return folder


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--bbox", BOX], ([11, 14], 14, 10)),
        (["--bbox", "2.99,45.14,3.01,45.16", "--bbox-crs", "EPSG:4326"], ([22, 19], 14, 10)),
        (["--from", "2018-01-09", "--to", LAST], ([22, 19], 12, 10)),
        (["--resolution", "20"], ([11, 9], 14, 20)),
        (["--polygon", "field.gpkg"], ([10, 12], 14, 10)),
        (["--align-to", "labels.tif", "--bbox", BOX], ([11, 14], 14, 10)),
    ],
)
def test_a_stack_is_what_was_asked_for(run, site, options, expected):  # noqa: F811
    done = run("info", "images", "--json", *options, cwd=site)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    grid = told["grid"]
    assert (grid["shape"], len(told["scenes"]), grid["pixel_size"][0]) == expected


@pytest.mark.parametrize(
    "words",
    [
        ("mask", "images", "OUT.tif"),
        ("info", "images"),
        ("draw", "labels.tif", "OUT.png", "--images", "images"),
        ("evaluate", "labels.tif", "--images", "images"),
        ("explain", "images", 1, 2, "--csv", "-"),
        ("calibrate", "images", "labels.tif", "OUT.safetensors"),
        ("prepare", ".", "OUT"),
    ],
)
def test_every_command_hands_them_on(run, site, words):  # noqa: F811
    done = run(*words, "--from", "2050-01-01", cwd=site)
    assert done.returncode == 1
    assert b"no image from 2050-01-01; found 14, from 2018-01-01 to 2018-04-15" in done.stderr
    assert list(site.glob("OUT*")) == []


def test_a_mask_is_drawn_and_explained_as_it_was_made(run, site, tmp_path):  # noqa: F811
    m, how = tmp_path / "m.tif", ("--bbox", BOX, "--from", "2018-01-09", "--resolution", 20)
    weights = ("--weights", "w.safetensors")
    assert run("mask", "images", m, *weights, *how, cwd=site).returncode == 0
    with rasterio.open(m) as raster:
        assert (raster.shape, raster.count) == ((6, 8), 13)
    assert run("draw", m, tmp_path / "m.png", "--images", "images", *how).returncode == 0
    done = run("explain", "images", 500_100, 4_999_900, "--csv", "-", *weights, *how)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 14


def test_prepare_takes_days_and_cuts_labels_as_images(run, site, tmp_path):  # noqa: F811
    done = run(
        "prepare",
        site,
        tmp_path / "p",
        "--folds",
        3,
        "--group-by",
        "block",
        "--block",
        3,
        "--from",
        "2018-01-09",
        "--bbox",
        BOX,
        cwd=site,
    )
    assert done.returncode == 0, done.stderr
    index = json.loads((tmp_path / "p" / "prepared.json").read_text())
    assert sum(index["series"]) + index["unobserved"] + index["void"] == 11 * 14


def test_each_stack_of_a_list_is_taken_so(run, site, tmp_path):  # noqa: F811
    (tmp_path / "list.csv").write_text(f"A,{site / 'images'}\n")
    (tmp_path / "masks").mkdir()
    words = ("mask", "list.csv", "masks", "--each", "--weights", site / "w.safetensors")
    done = run(*words, "--bbox", BOX, "--resolution", 20, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    with rasterio.open(tmp_path / "masks" / "A.tif") as raster:
        assert (raster.shape, raster.count, raster.transform.a) == ((6, 8), 14, 20)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--bbox", "1,2,3"], "expected four numbers W,S,E,N"),
        (["--bbox", "a,b,c,d"], "expected four numbers W,S,E,N"),
        (["--bbox-crs", "EPSG:4326"], "has no use without --bbox"),
        (["--from", "2018-13-01"], "--from"),
        (["--max-cloud", "60"], "--max-cloud"),
    ],
)
def test_options_that_make_no_sense(run, site, tmp_path, options, message):  # noqa: F811
    done = run("mask", site / "images", tmp_path / "m.tif", *options)
    assert done.returncode == 2
    assert message in done.stderr.decode()
    assert list(tmp_path.iterdir()) == []


def test_a_box_west_of_greenwich_is_no_option(run, site):  # noqa: F811
    done = run("info", site / "images", "--bbox", "-9,38,-8,39", "--bbox-crs", "EPSG:4326")
    assert done.returncode == 1
    assert b"Box -9,38,-8,39: lies outside the images; expected some of 3," in done.stderr


def test_a_mask_without_images_takes_none_of_them(run):  # noqa: F811
    done = run("evaluate", "m.tif", "r.tif", "--from", "2018-01-01")
    assert done.returncode == 2
    assert "'--from': has no use without --images" in done.stderr.decode().replace("\n", " ")


def test_every_option_is_a_field_or_part_of_one():
    fields = set(StackOptions.__dataclass_fields__)
    parts = {"bands": "band_names", "bbox": "box", "bbox_crs": "box"}
    of_mask_alone = {"skip_bad"}
    assert {parts.get(name, name) for name in IMAGE_OPTIONS} == fields - of_mask_alone


# What a run that goes on, or an update, must notice.


def digests(source, **options):
    stack = find_stack(source, StackOptions(**options))
    return [mark.digest for mark in mark_scenes(stack, stack.bands)]


def test_marks_tell_apart_what_decides_pixels(site, tmp_path):
    field = geopandas.read_file(site / "field.gpkg").to_crs(CRS)
    field.geometry = field.buffer(-20)
    field.to_file(tmp_path / "smaller.gpkg")
    polygons = (site / "field.gpkg", tmp_path / "smaller.gpkg")
    found = [
        digests(site / "images"),
        digests(site / "images", resolution=20),
        digests(site / "images", box=Box(west=500_030, south=4_999_850, east=500_170, north=5e6)),
        *(digests(site / "images", polygon=path) for path in polygons),
    ]
    for place in range(len(found[0])):
        assert len({marks[place] for marks in found}) == len(found)


def test_a_mask_beside_an_image_that_changes_is_noticed(tmp_path):
    path = write_image(tmp_path / "S2_20180106.tif", random_dn((1, 40, 50)), names=["B02"])
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=False), rasterio.open(path, "r+") as raster:
        raster.write_mask(True)
    before = digests(tmp_path)
    with (tmp_path / "S2_20180106.tif.msk").open("ab") as file:
        file.write(b"more")
    assert digests(tmp_path) != before


def test_a_run_that_goes_on_notices_another_polygon(site, tmp_path):
    """What is done waits for the same polygon, and is of no use to any other."""
    out = MaskFiles(probability=tmp_path / "m.tif")

    def masked(track=iter, **options):
        said = []
        stack = find_stack(site / "images", StackOptions(**options))
        how = {"device": torch.device("cpu"), "resume": True, "track": track, "tell": said.append}
        mask_stack(stack, out, bright_weights(), MaskConfig(), Resources(tile=16), **how)
        return " ".join(said)

    def stop(windows):
        yield windows[0]
        raise KeyboardInterrupt

    box = Box(west=500_040, south=4_999_860, east=500_160, north=4_999_960)
    with pytest.raises(KeyboardInterrupt):
        masked(stop, polygon=site / "field.gpkg")
    with pytest.raises(KeyboardInterrupt):
        masked(stop, box=box)
    assert "Going on" not in masked(polygon=site / "field.gpkg")
    out.probability.unlink()
    with pytest.raises(KeyboardInterrupt):
        masked(stop, polygon=site / "field.gpkg")
    assert "Going on" in masked(polygon=site / "field.gpkg")
