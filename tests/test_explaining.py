"""One pixel's series: the mask's own numbers, and the same arithmetic done another way."""

import csv
from io import StringIO

import numpy as np
import pytest
import rasterio
import torch
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from rasterio.crs import CRS

from am4cm_cli.classes import CLASS_NAMES
from am4cm_cli.errors import StackError
from am4cm_cli.explaining import explain_pixel
from am4cm_cli.masking import mask_stack
from am4cm_cli.orders import MaskConfig, MaskFiles
from am4cm_cli.places import find_place
from am4cm_cli.reports.pixel import describe_series, series_csv
from am4cm_cli.stacks.discovery import find_stack
from am4cm_cli.stacks.stack import Grid, Stack
from cloudy import DATES, bright_weights, write_cloudy
from stacks import every_days, write_stack

CPU = torch.device("cpu")
HEADS = 2


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    write_cloudy(folder)
    return find_stack(folder / "images")


def explain(stack, column, row):
    place = find_place(stack, column, row, given="pixel")
    return explain_pixel(stack, place, bright_weights(), device=CPU)


@pytest.fixture(scope="module")
def field(stack):
    return explain(stack, 4, 13)


@pytest.fixture(scope="module")
def masks(stack, tmp_path_factory):
    """What `am4cm mask` writes, by name, (bands, Y, X)."""
    folder = tmp_path_factory.mktemp("masks")
    found = {}
    for target in ("cloud", "unusable"):
        files = MaskFiles(
            probability=folder / f"{target}.tif",
            classes=folder / f"{target}-classes.tif",
            reliability=folder / f"{target}-reliability.tif",
            attention_heads=folder / f"{target}-attention.tif",
        )
        config = MaskConfig(target=target, dtype="float32")
        mask_stack(stack, files, bright_weights(), config, device=CPU)
        found[target] = read(files.probability)
    names = {
        "classes": files.classes,
        "reliability": files.reliability,
        "attention": files.attention_heads,
    }
    return found | {name: read(path) for name, path in names.items()}


def read(path):
    with rasterio.open(path) as raster:
        return raster.read()


# The corners have a rim cut off; the last lies on the border of the clouds.
@pytest.mark.parametrize(("column", "row"), [(0, 0), (18, 21), (9, 20)])
def test_a_pixel_has_what_the_mask_has(stack, masks, column, row):
    series = explain(stack, column, row)
    assert_allclose(series.cloud, masks["cloud"][:, row, column], atol=1e-5)
    assert_allclose(series.unusable, masks["unusable"][:, row, column], atol=1e-5)
    assert_array_equal(series.classes, masks["classes"][:, row, column])
    assert_array_equal(series.clear_nearby, masks["reliability"][:, row, column])
    by_head = masks["attention"][:, row, column].reshape(DATES, HEADS).T
    assert_allclose(series.attention, by_head, atol=1e-6)


def test_reflectance_is_that_of_the_files(stack, field):
    for t, scene in enumerate(stack.scenes):
        with rasterio.open(scene.bands["B02"].path) as raster:
            dn = raster.read()[:, 13, 4]
        assert_allclose(field.reflectance[:, t], dn * 1e-4, rtol=1e-6)
    assert_array_equal(np.floor(field.days), stack.days)


def test_the_clear_sky_is_that_of_the_clear_dates(stack):
    """By hand: dates under cloud, here told by their brightness, weigh next to nothing."""
    series = explain(stack, 4, 20)
    clear = series.reflectance[0] < 0.2
    apart = np.abs(stack.days[:, None] - stack.days[None]) / 25
    weight = np.exp(-0.5 * apart**2) * (apart > 0) * (apart <= 3) * clear
    for part, band in enumerate(("B02", "B8A", "B11")):
        seen = series.reflectance[series.bands.index(band)]
        expected = (weight @ seen) / weight.sum(1)
        assert_allclose(series.evidence.clear_sky[part], expected, atol=0.012)
    assert (series.evidence.cloud[~clear] > 10).all()
    assert (np.abs(series.evidence.cloud[clear]) < 6).all()
    assert (series.evidence.drop[~clear] > series.evidence.drop[clear].max()).all()


def test_attention_is_shared_out_among_the_dates(field):
    assert_allclose(field.attention.sum(1), 1, rtol=1e-5)
    assert_allclose(field.shares.mean(1), 1, rtol=1e-5)


def partly_seen(folder):
    """Six dates near one another, one of them not valid, and one far away."""
    rng = np.random.default_rng(2)
    dn = rng.integers(900, 1000, (7, 10, 9, 8)).astype(np.uint16)
    dn[3] = 0
    dn[:, :, 5, 6] = 0
    write_stack(folder, days=[*every_days(6), "2019-07-01"], dn=dn)
    return find_stack(folder)


def test_what_was_not_seen_or_has_no_answer_is_empty(tmp_path):
    series = explain(partly_seen(tmp_path), 2, 7)
    assert_array_equal(series.valid, [1, 1, 1, 0, 1, 1, 1])
    assert_array_equal(series.answered, [1, 1, 1, 0, 1, 1, 0])
    rows = list(csv.DictReader(StringIO(series_csv(series))))
    unseen, lonely = rows[3], rows[6]
    assert {name for name, cell in unseen.items() if cell} == {"date", "valid"}
    empty = {"class", "cloud", "unusable", "clear_nearby", "attention_drop", "B02_clear_sky"}
    assert {name for name, cell in lonely.items() if not cell} >= empty
    assert float(lonely["B02"]) == pytest.approx(series.reflectance[0, 6], rel=1e-6)
    assert describe_series(series)[0].startswith("Column 2, row 7: 6 of 7 dates observed,")
    assert describe_series(series)[-1] == "No date near enough to compare with: 2019-07-01."


def test_a_pixel_that_was_never_seen(tmp_path):
    with pytest.raises(StackError, match=r"none of 7 dates shows column 6, row 5.*another pixel"):
        explain(partly_seen(tmp_path), 6, 5)


def test_the_table_holds_the_series(field):
    rows = list(csv.DictReader(StringIO(series_csv(field))))
    assert [row["date"] for row in rows] == list(field.scenes)
    assert [row["class"] for row in rows] == [CLASS_NAMES[n] for n in field.classes]

    def column(name):
        return [float(row[name]) for row in rows]

    assert_allclose(column("unusable"), field.unusable, rtol=1e-6)
    assert_allclose(column("B8A_clear_sky"), field.evidence.clear_sky[1], rtol=1e-6)
    assert_allclose(column("shadow_score"), field.evidence.shadow, rtol=1e-6)
    assert_allclose(column("attention_head_2"), field.attention[1], rtol=1e-6)
    mean = (np.array(column("attention_head_1")) + column("attention_head_2")) / 2
    assert_allclose(column("attention"), mean, rtol=1e-5)


def test_the_flagged_dates_are_named(field):
    told = describe_series(field)
    # write_cloudy's clouds: dates 2, 5, 8, 11 on the left, and 7; eight days apart.
    assert told[0] == "Column 4, row 13: 14 of 14 dates observed, 5 of them not clear."
    assert told[1:] == ["Thick cloud: 2018-01-17, 2018-02-10, 2018-02-26, 2018-03-06, 2018-03-30."]


def grid_stack(crs, transform, shape):
    grid = Grid(crs=CRS.from_string(crs), transform=transform, shape=shape)
    return Stack(source="images", grid=grid, bands=(), scenes=())


WEST = grid_stack("EPSG:4326", Affine(0.01, 0, -70.5, 0, -0.02, -12), (30, 40))


@given(column=st.integers(0, 39), row=st.integers(0, 29))
def test_the_centre_of_a_pixel_leads_back_to_it(column, row):
    place = find_place(WEST, column, row, given="pixel")
    assert (place.column, place.row) == (column, row)
    assert (place.x, place.y) == pytest.approx(
        (-70.5 + 0.01 * (column + 0.5), -12 - 0.02 * (row + 0.5))
    )
    for given_as in ("crs", "lonlat"):
        assert find_place(WEST, place.x, place.y, given=given_as) == place


def test_degrees_and_metres_meet():
    # Zone 31's central meridian, 3 degrees east, has easting 500 km by definition.
    stack = grid_stack("EPSG:32631", Affine(10, 0, 499_950, 0, -10, 5_538_700), (20, 10))
    place = find_place(stack, 3.0, 50.0, given="lonlat")
    # 4982950.4 m of meridian arc to 45 degrees, 5540847.0 to 50: Snyder 1987, times 0.9996.
    assert (place.column, place.row) == (5, 6)
    assert place.lonlat == pytest.approx((3.0, 50.0), abs=2e-4)


@pytest.mark.parametrize(
    ("x", "y", "given_as", "expected"),
    [
        (40, 0, "pixel", "columns 0 to 39 and rows 0 to 29"),
        (-1, 0, "pixel", "columns 0 to 39"),
        (0, 30, "pixel", "rows 0 to 29"),
        (-71, -12.1, "crs", "-70.5 to -70.1 and -12.6 to -12 (EPSG:4326)"),
        (float("nan"), -12.1, "crs", "-70.5 to -70.1"),
        (-70.3, 12.1, "lonlat", "-70.5 to -70.1 and -12.6 to -12 (degrees)"),
    ],
)
def test_a_place_outside_names_the_bounds(x, y, given_as, expected):
    with pytest.raises(StackError) as told:
        find_place(WEST, x, y, given=given_as)
    assert expected in str(told.value)
    assert "--pixel" in str(told.value)


def test_degrees_that_are_none():
    stack = grid_stack("EPSG:32631", Affine(10, 0, 499_950, 0, -10, 5_538_700), (20, 10))
    with pytest.raises(StackError, match=r"latitude 5538600.*EPSG:32631.*--pixel"):
        find_place(stack, 500_000, 5_538_600, given="lonlat")
