"""Parcels as labels: the pixels they hold, what is left out, and how they are split."""

import sys
from warnings import catch_warnings, simplefilter

import numpy as np
import pytest
import rasterio
from geopandas import GeoDataFrame
from hypothesis import given
from hypothesis import strategies as st
from rasterio.features import shapes
from shapely.geometry import LineString, MultiPolygon, Point, Polygon, box, shape

from am4cm_cli.app import main
from am4cm_cli.datasets.parcel_stacks import burn, label_by_parcels
from am4cm_cli.datasets.parcels import ParcelFile, read_parcels
from am4cm_cli.datasets.pixels import open_fold, read_index
from am4cm_cli.datasets.stacks import PrepareConfig, prepare_stacks
from am4cm_cli.errors import DataError, MissingExtraError
from am4cm_cli.stacks.discovery import find_stack
from am4cm_cli.stacks.stack import Grid
from stacks import CORNER, CRS, write_stack

SHAPE = (9, 7)
BY_PARCEL = PrepareConfig(folds=3, grouping="parcel")
WEST, NORTH = CORNER.c, CORNER.f


@pytest.fixture
def run(capfd, monkeypatch):
    """Run am4cm by its entry point; give the exit code and standard error in one line."""

    def run_main(*words):
        monkeypatch.setattr(sys, "argv", ["am4cm", *map(str, words)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as stop:
            main()
        return stop.value.code or 0, capfd.readouterr().err

    return run_main


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    folder = tmp_path_factory.mktemp("parcels") / "site"
    write_stack(folder, shape=SHAPE)
    return find_stack(folder)


def rectangle(rows, cols):
    """The outline of pixels from the first to, but without, the last row and column."""
    (top, bottom), (left, right) = rows, cols
    return box(WEST + 10 * left, NORTH - 10 * bottom, WEST + 10 * right, NORTH - 10 * top)


def write(path, classes, outlines, *, crs=CRS, field="crop", **options):
    frame = GeoDataFrame({field: classes, "other": range(len(classes))}, geometry=outlines, crs=crs)
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    else:
        frame.to_file(path, **options)
    return path


FOUR = (
    ["maize", "wheat", "wheat", "maize"],
    [rectangle((r, r + 3), (c, c + 3)) for r in (0, 4) for c in (0, 4)],
)


def label(stack, path, *, config=BY_PARCEL, field="crop", **how):
    (labelled,) = label_by_parcels([stack], [ParcelFile(path=path, field=field, **how)], config)
    return labelled


def drawn(*marks):
    """(Y, X) 0 but for some (rows, cols, value)."""
    codes = np.zeros(SHAPE, int)
    for (top, bottom), (left, right), value in marks:
        codes[top:bottom, left:right] = value
    return codes


@pytest.mark.parametrize("name", ["p.gpkg", "p.geojson", "p.parquet", "p.shp"])
@pytest.mark.parametrize("crs", [CRS, "EPSG:3035", "EPSG:4326"])
def test_pixels_whose_centre_lies_in_a_parcel(stack, tmp_path, name, crs):
    frame = GeoDataFrame({"crop": FOUR[0]}, geometry=FOUR[1], crs=CRS).to_crs(crs)
    labelled = label(stack, write(tmp_path / name, frame["crop"], frame.geometry, crs=crs))
    ends = [(r, r + 3) for r in (0, 4)], [(c, c + 3) for c in (0, 4)]
    first, last = ends[0]
    left, right = ends[1]
    expected = drawn((first, left, 1), (first, right, 2), (last, left, 2), (last, right, 1))
    assert (labelled.labels.codes == expected).all()
    assert labelled.labels.names == {1: "maize", 2: "wheat"}
    assert len(np.unique(labelled.groups[expected > 0])) == 4
    for group in np.unique(labelled.groups[expected > 0]):
        assert (labelled.groups == group).sum() == 9
    assert labelled.stack.notes[-1] == f"{tmp_path / name}: 4 parcels on the images of " + (
        f"{stack.source}."
    )


def test_classes_of_numbers_are_in_their_order_and_0_is_none(stack, tmp_path):
    path = write(tmp_path / "p.gpkg", [1200, 90, 90, 0], FOUR[1])
    labelled = label(stack, path, config=PrepareConfig(grouping="block"))
    assert labelled.labels.names == {1: "90", 2: "1200"}
    assert labelled.labels.labelled.sum() == 27
    assert "left out: 1 without a class" in labelled.stack.notes[-1]
    kept = label(stack, path, config=PrepareConfig(grouping="block"), unlabelled=frozenset({"90"}))
    assert kept.labels.names == {1: "0", 2: "1200"}


@pytest.mark.parametrize("none", [None, "", "  ", np.nan])
def test_a_parcel_without_a_class_is_counted(stack, tmp_path, none):
    values = [3.0, 3.0, 3.0, none] if none is np.nan else ["a", " a", "a ", none]
    labelled = label(stack, write(tmp_path / "p.gpkg", values, FOUR[1]))
    assert list(labelled.labels.names.values()) == ["3" if none is np.nan else "a"]
    assert "left out: 1 without a class" in labelled.stack.notes[-1]


def test_what_lies_in_two_parcels_or_outside_is_left_out_and_counted(stack, tmp_path):
    classes = ["a", "a", "a", "a", "b"]
    outlines = [
        rectangle((0, 4), (0, 4)),
        rectangle((3, 6), (2, 6)),
        rectangle((90, 95), (0, 4)),  # elsewhere
        Point(WEST + 60, NORTH - 80).buffer(3),  # between centres
        Polygon(),
    ]
    labelled = label(stack, write(tmp_path / "p.geojson", classes, outlines))
    expected = drawn(((0, 4), (0, 4), 1), ((3, 6), (2, 6), 1), ((3, 4), (2, 4), 0))
    assert (labelled.labels.codes == expected).all()
    note = labelled.stack.notes[-1]
    assert "2 parcels on the images" in note
    assert "2 outside the images, 1 without the centre of a pixel of its own" in note
    assert "2 pixels lie in several, and are left out." in note


@pytest.mark.parametrize("crs", [CRS, "EPSG:4326", "EPSG:3857"])
def test_erode_takes_a_border_off_in_metres(stack, tmp_path, crs):
    outlines = [rectangle((0, 4), (0, 5)), rectangle((4, 9), (0, 5)), rectangle((0, 2), (5, 6))]
    frame = GeoDataFrame({"crop": ["a"] * 3}, geometry=outlines, crs=CRS).to_crs(crs)
    path = write(tmp_path / "p.gpkg", frame["crop"], frame.geometry, crs=crs)
    labelled = label(stack, path, erode=6)
    assert (labelled.labels.codes == drawn(((1, 3), (1, 4), 1), ((5, 8), (1, 4), 1))).all()
    assert "left out: 1 gone by --erode" in labelled.stack.notes[-1]
    # 4 m more than half a pixel: the next centres are 15 m from the border.
    assert (label(stack, path, erode=14.5).labels.codes == labelled.labels.codes).all()


def test_broken_and_multiple_outlines_are_taken_as_they_are_drawn(stack, tmp_path):
    # Two triangles that meet in the middle of 4 x 4 pixels, or 1 m below, off the centres.
    corners = [(0, 0), (40, -40), (40, 0), (0, -40)]
    bow = Polygon([(WEST + x, NORTH + y - 1) for x, y in corners])
    both = MultiPolygon([rectangle((5, 7), (0, 2)), rectangle((5, 7), (4, 6))])
    labelled = label(stack, write(tmp_path / "p.gpkg", ["a", "a"], [bow, both]))
    codes, groups = labelled.labels.codes, labelled.groups
    assert codes[:4].tolist() == [
        [0, 0, 0, 0, 0, 0, 0],
        [1, 0, 0, 1, 0, 0, 0],
        [1, 1, 1, 1, 0, 0, 0],
        [1, 0, 0, 1, 0, 0, 0],
    ]
    assert (codes[5:7] == [1, 1, 0, 0, 1, 1, 0]).all()
    assert len(np.unique(groups[5:7][codes[5:7] > 0])) == 1


box_of_pixels = st.tuples(
    st.integers(0, 8), st.integers(1, 4), st.integers(0, 6), st.integers(1, 4)
)


@given(st.lists(box_of_pixels, min_size=1, max_size=6))
def test_a_pixel_belongs_to_the_only_box_that_holds_it(boxes):
    grid = Grid(crs=rasterio.crs.CRS.from_string(CRS), transform=CORNER, shape=SHAPE)
    outlines = [rectangle((r, r + h), (c, c + w)) for r, h, c, w in boxes]
    found = burn(np.array(outlines, object), grid)
    rows, cols = np.indices(SHAPE)
    holds = np.array(
        [(rows >= r) & (rows < r + h) & (cols >= c) & (cols < c + w) for r, h, c, w in boxes]
    )
    count = holds.sum(0)
    assert (found.place == np.where(count == 1, holds.argmax(0), -1)).all()
    assert found.shared == (count > 1).sum()


def test_a_parcel_that_two_stacks_share_is_in_one_fold(stack, tmp_path):
    write_stack(tmp_path / "again", shape=SHAPE)
    stacks = [stack, find_stack(tmp_path / "again")]
    path = write(tmp_path / "p.gpkg", *FOUR)
    config = PrepareConfig(folds=4)
    files = [ParcelFile(path=path, field="crop")] * 2
    index = prepare_stacks(label_by_parcels(stacks, files, config), tmp_path / "out", config)
    assert index.groups == (1, 1, 1, 1)
    assert index.series == (18, 18, 18, 18)
    assert index.classes == ("maize", "wheat")


def test_classes_are_numbered_alike_over_files_of_their_own(stack, tmp_path):
    one = write(tmp_path / "one.gpkg", ["b", "c", "b", "c"], FOUR[1])
    two = write(tmp_path / "two.gpkg", ["c", "a", "c", "a"], FOUR[1])
    files = [ParcelFile(path=path, field="crop") for path in (one, two)]
    first, second = label_by_parcels([stack, stack], files, PrepareConfig())
    assert first.labels.names == {2: "b", 3: "c"}
    assert second.labels.names == {1: "a", 3: "c"}
    assert not set(first.groups.flat) & set(second.groups.flat) - {0}


def fails(stack, path, field="crop", **how):
    with pytest.raises(DataError) as error:
        label(stack, path, field=field, **how)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("name", ["p.gpkg", "p.parquet"])
def test_faults_are_told(stack, tmp_path, name):
    path = write(tmp_path / name, *FOUR)
    assert "has no field 'Krop' (did you mean 'crop'?); found crop, other." in fails(
        stack, path, "Krop"
    )
    with catch_warnings():
        simplefilter("ignore")  # writers know that it is not wise
        without = write(tmp_path / f"no-crs-{name}", *FOUR, crs=None)
    assert "says no CRS" in fails(stack, without)
    far = write(tmp_path / f"far-{name}", ["a", "a"], [box(0, 0, 9, 9), box(9, 0, 20, 9)])
    assert "none of its 2 parcels lies on the images" in fails(stack, far)
    line = LineString([(WEST, NORTH), (WEST + 50, NORTH - 50)])
    lines = write(tmp_path / f"lines-{name}", ["a"], [line])
    assert "is a LineString; expected polygons" in fails(stack, lines)
    floats = write(tmp_path / f"floats-{name}", [1.5, 2, 2, 2], FOUR[1])
    assert "'crop' holds '1.5'; expected classes as text or whole numbers" in fails(stack, floats)
    few = write(tmp_path / f"few-{name}", ["a", "b", "a", "c"], FOUR[1])
    assert "only 1 parcel on the images is of class b, c; expected 2" in fails(stack, few)
    assert '--unlabelled "b,c"' in fails(stack, few)
    assert "Expected some that hold the centre of a pixel" in fails(stack, path, erode=20)
    assert "no such file" in fails(stack, tmp_path / f"nowhere-{name}")
    damaged = tmp_path / f"damaged-{name}"
    damaged.write_bytes(path.read_bytes()[:300])
    assert "cannot be read as polygons" in fails(stack, damaged)


def test_layers_are_chosen_by_name(stack, tmp_path):
    path = write(tmp_path / "p.gpkg", *FOUR, layer="y2018")
    write(path, ["x"] * 4, FOUR[1], layer="y2019")
    assert "holds 2 layers; say which one with --layer: y2018, y2019" in fails(stack, path)
    assert "has no layer 'y2017' (did you mean" in fails(stack, path, layer="y2017")
    assert label(stack, path, layer="y2019").labels.names == {1: "x"}


def test_images_without_a_crs_are_told(tmp_path):
    write_stack(tmp_path / "site", shape=SHAPE, crs=None)
    found = find_stack(tmp_path / "site")
    assert "images, which have no CRS" in fails(found, write(tmp_path / "p.gpkg", *FOUR))


@pytest.mark.parametrize("library", ["geopandas", "pyarrow"])
def test_a_missing_library_names_the_extra(stack, tmp_path, monkeypatch, library):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(MissingExtraError, match=rf"{library} is not .*am4cm\[vector\]"):
        read_parcels(ParcelFile(path=tmp_path / "p.gpkg", field="crop"), stack.grid)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--labels", "p.gpkg"), "--classes-from"),
        (("--classes-from", "crop"), "--labels"),
        (("--erode", 10), "--erode"),
        (("--labels", "p.gpkg", "--classes-from", "a", "--fields", "fields.tif"), "--fields"),
        (("--labels", "p.gpkg", "--classes-from", "a", "--erode", -1), "expected metres"),
        (("--labels", "p.gpkg", "--classes-from", "a", "--erode", "nan"), "expected metres"),
    ],
)
def test_options_that_do_not_go_together(run, stack, tmp_path, options, words):
    code, text = run("prepare", stack.source, tmp_path / "out", *options)
    assert code == 2
    assert words in text
    assert not list(tmp_path.iterdir())


def polygonise(site, path):
    with rasterio.open(site / "labels.tif") as labels, rasterio.open(site / "fields.tif") as fields:
        codes, numbers, tags = labels.read(1), fields.read(1).astype(np.int32), labels.tags()
        rows = [
            (shape(outline), tags[f"CLASS_{code}"])
            for code in np.unique(codes[codes > 0])
            for outline, _ in shapes(numbers, mask=codes == code, transform=labels.transform)
        ]
        frame = GeoDataFrame({"crop": [row[1] for row in rows]}, geometry=[row[0] for row in rows])
        frame.set_crs(labels.crs.to_wkt()).to_file(path)


def pixels(folder):
    """Class and series by pixel."""
    index, found = read_index(folder), {}
    for fold in index.folds:
        series = open_fold(folder, fold)
        for place, target, start, length in zip(
            series.pixel, series.target, series.start, series.lengths, strict=True
        ):
            values = series.reflectance[start : start + length].tobytes()
            found[int(place)] = index.classes[target], values
    return found


def test_a_geopackage_gives_the_same_pixels_as_the_raster(run, tmp_path):
    site = tmp_path / "site"
    assert run("simulate", site, "--dates", 5, "--size", 96, "--seed", 7)[0] == 0
    polygonise(site, tmp_path / "p.gpkg")
    # In a simulation this small some classes have but one field.
    options = ("--folds", 3, "--group-by", "block")
    assert run("prepare", site, tmp_path / "raster", *options)[0] == 0
    parcels = ("--labels", tmp_path / "p.gpkg", "--classes-from", "crop")
    code, text = run("prepare", site, tmp_path / "vector", *options, *parcels)
    assert code == 0, text
    assert pixels(tmp_path / "vector") == pixels(tmp_path / "raster")
    code, text = run("prepare", site, tmp_path / "eroded", *options, *parcels, "--erode", 10)
    assert code == 0, text
    assert "gone by --erode" in text
    assert 0 < len(pixels(tmp_path / "eroded")) < len(pixels(tmp_path / "vector"))
