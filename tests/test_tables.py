"""Tables of cloud shares, against counts by hand and by numpy."""

import csv
import warnings
from itertools import pairwise

import numpy as np
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from rasterio.crs import CRS
from rasterio.windows import Window

from am4cm_cli.errors import OutputError, StackError
from am4cm_cli.exporting.tables import COLUMNS, check_table
from am4cm_cli.exporting.verbs import export_mask
from am4cm_cli.exporting.zones import Zone, inside_zone, read_zones
from am4cm_cli.exports import Exports, Zones
from am4cm_cli.rasters.masks import open_mask
from am4cm_cli.stacks.stack import Grid
from am4cm_cli.storage import Storage
from finished import NAMES, percents, write_finished
from stacks import CORNER

# Two dates of 3 x 4 pixels.
SMALL = np.array(
    [
        [[0, 50, 100, 255], [0, 49, 255, 255], [10, 20, 30, 40]],
        [[255, 255, 255, 255], [255, 255, 255, 255], [255, 255, 60, 0]],
    ],
    np.uint8,
)
DATES = ("2018-01-06", "2018-03-07")


def box(left, top, right, bottom):
    """A polygon by columns and rows of the mask's pixels."""
    shapely = pytest.importorskip("shapely")
    (west, north), (east, south) = CORNER @ (left, top), CORNER @ (right, bottom)
    return shapely.box(west, south, east, north)


def write_zones(path, shapes, *, crs="EPSG:32631", **fields):
    geopandas = pytest.importorskip("geopandas")
    frame = geopandas.GeoDataFrame(fields, geometry=shapes, crs=crs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of polygons without a CRS
        frame.to_parquet(path) if path.suffix == ".parquet" else frame.to_file(path)
    return path


def table(mask, out, **how):
    zones = how.pop("zones", None)
    exports = Exports(table=out, zones=zones and Zones(path=zones, field=how.pop("field", None)))
    export_mask(mask, exports, Storage())
    with out.open(newline="") as file:
        return list(csv.reader(file))


@pytest.fixture
def small(tmp_path):
    return write_finished(tmp_path / "clouds.tif", SMALL, names=DATES)


def test_a_row_for_each_date(small, tmp_path):
    header, first, second = table(small, tmp_path / "t.csv")
    assert tuple(header) == COLUMNS
    # 9 observed, 2 of them from 50 % on; 0 + 50 + 100 + 0 + 49 + 10 + 20 + 30 + 40 = 299.
    assert first == ["2018-01-06", "all", "12", "9", "2", "0.222222", "0.3322"]
    assert second == ["2018-03-07", "all", "12", "2", "1", "0.5", "0.3"]


@pytest.mark.parametrize("suffix", ["gpkg", "geojson", "parquet"])
def test_zones_are_counted_where_they_are(small, tmp_path, suffix):
    shapes = [box(0, 0, 2, 2), box(1, 1, 9, 9), box(40, 40, 50, 50)]
    zones = write_zones(tmp_path / f"z.{suffix}", shapes, farm=["b", "a", "c"])
    if suffix == "geojson":
        assert "32631" in zones.read_text()
    _, *rows = table(small, tmp_path / "t.csv", zones=zones, field="farm")
    assert rows == [
        ["2018-01-06", "b", "4", "4", "1", "0.25", "0.2475"],
        ["2018-03-07", "b", "4", "0", "0", "", ""],
        ["2018-01-06", "a", "6", "4", "0", "0.0", "0.3475"],
        ["2018-03-07", "a", "6", "2", "1", "0.5", "0.3"],
        ["2018-01-06", "c", "0", "0", "0", "", ""],
        ["2018-03-07", "c", "0", "0", "0", "", ""],
    ]


def test_zones_of_one_name_are_one_and_overlaps_count_once(small, tmp_path):
    zones = write_zones(tmp_path / "z.gpkg", [box(0, 0, 2, 2), box(1, 1, 9, 9)], farm=["a", "a"])
    _, first, _ = table(small, tmp_path / "t.csv", zones=zones, field="farm")
    # 0, 50, 0, 49 and 49, 20, 30, 40, the 49 in both.
    assert first == ["2018-01-06", "a", "9", "7", "1", "0.142857", "0.27"]


def test_zones_in_degrees_without_a_field_are_numbered(small, tmp_path):
    geopandas = pytest.importorskip("geopandas")
    shapes = geopandas.GeoSeries([box(0, 0, 4, 3), box(2, 0, 3, 1)], crs="EPSG:32631")
    zones = write_zones(tmp_path / "z.geojson", list(shapes.to_crs(4326)), crs="EPSG:4326")
    _, *rows = table(small, tmp_path / "t.csv", zones=zones)
    assert [row[1:5] for row in rows] == [
        ["1", "12", "9", "2"],
        ["1", "12", "2", "1"],
        ["2", "1", "1", "1"],
        ["2", "1", "0", "0"],
    ]


def test_parquet_holds_the_same(small, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    rows = table(small, tmp_path / "t.csv")
    export_mask(small, Exports(table=tmp_path / "t.parquet"), Storage())
    found = parquet.read_table(tmp_path / "t.parquet")
    assert found.column_names == rows[0]
    texts = [
        ["" if cell is None else str(cell) for cell in row.values()] for row in found.to_pylist()
    ]
    assert texts == rows[1:]


def test_the_whole_is_the_sum_of_zones_across_windows(tmp_path):
    numbers = percents((1100, 300), seed=3)
    path = write_finished(tmp_path / "c.tif", numbers)
    edges = [0, 13, 700, 1030, 1100]
    zones = write_zones(tmp_path / "z.gpkg", [box(0, a, 300, b) for a, b in pairwise(edges)])
    _, *parts = table(path, tmp_path / "parts.csv", zones=zones)
    _, *whole = table(path, tmp_path / "whole.csv")
    for place, row in enumerate(whole):
        own = numbers[place][numbers[place] != 255]
        counts = [numbers[place].size, own.size, int((own >= 50).sum())]
        assert [int(cell) for cell in row[2:5]] == counts
        own_parts = [part for part in parts if part[0] == row[0]]
        assert [sum(int(part[cell]) for part in own_parts) for cell in (2, 3, 4)] == counts


@given(st.lists(st.tuples(st.floats(0, 6), st.floats(0, 5)), min_size=3, max_size=6))
def test_pixels_of_a_zone_are_those_whose_centre_is_in_it(corners):
    shapely = pytest.importorskip("shapely")
    shape = shapely.MultiPoint(corners).convex_hull.buffer(0.013)
    cols, rows = np.meshgrid(np.arange(6) + 0.5, np.arange(5) + 0.5)
    points = shapely.points(cols, rows)
    sure = shapely.distance(shape.boundary, points) > 1e-6
    expected = shapely.contains(shape, points)
    grid = Grid(crs=CRS.from_epsg(32631), transform=CORNER, shape=(5, 6))
    moved = shapely.transform(shape, lambda xy: xy * [10, -10] + [CORNER.c, CORNER.f])
    zone = Zone(name="a", window=Window(0, 0, 6, 5), geometry=moved.__geo_interface__)
    found = np.zeros((5, 6), bool)
    for window in (Window(0, 0, 4, 5), Window(4, 0, 2, 5)):
        found[window.toslices()] = inside_zone(zone, grid, window)
    assert (found == expected)[sure].all()


def test_empty_and_missing_polygons_have_rows_of_nothing(small, tmp_path):
    shapely = pytest.importorskip("shapely")
    shapes = [box(0, 0, 1, 1), None, shapely.Polygon()]
    zones = write_zones(tmp_path / "z.gpkg", shapes)
    _, *rows = table(small, tmp_path / "t.csv", zones=zones)
    assert [row[1:4] for row in rows[2:]] == [[zone, "0", "0"] for zone in "2233"]


@pytest.mark.parametrize(
    ("change", "field", "said"),
    [
        ({"crs": None}, None, "z.gpkg has no CRS"),
        ({"shapes": "far"}, None, "none of its 1 zones lies inside .* CRS WGS 84 / UTM zone 31N"),
        ({"shapes": "line"}, None, "row 1 is a LineString; expected polygons"),
        ({"farm": ["a"]}, "form", "has no field form; found farm"),
        ({"farm": [None]}, "farm", "row 1 has no farm"),
    ],
)
def test_zones_that_cannot_be_used(small, tmp_path, change, field, said):
    shapely = pytest.importorskip("shapely")
    kinds = {"far": box(90, 90, 99, 99), "line": shapely.LineString([(5e5, 5e6), (6e5, 4e6)])}
    shape = kinds.get(change.pop("shapes", ""), box(0, 0, 2, 2))
    path = write_zones(tmp_path / "z.gpkg", [shape], **change)
    with pytest.raises(StackError, match=said):
        read_zones(Zones(path=path, field=field), open_mask(small).grid)


def test_a_file_that_is_no_polygons(small, tmp_path):
    pytest.importorskip("geopandas")
    for name in ("z.gpkg", "z.parquet", "z.geojson"):
        (tmp_path / name).write_bytes(b"not polygons")
        with pytest.raises(StackError, match=f"{name}: cannot be read as polygons"):
            read_zones(Zones(path=tmp_path / name), open_mask(small).grid)


def test_a_mask_without_crs_has_no_zones(tmp_path):
    path = write_finished(tmp_path / "c.tif", percents(), names=NAMES, crs=None)
    zones = write_zones(tmp_path / "z.gpkg", [box(0, 0, 2, 2)])
    with pytest.raises(StackError, match="the mask has no CRS"):
        read_zones(Zones(path=zones), open_mask(path).grid)


def test_a_mask_of_another_shape_of_pixel(tmp_path):
    transform = Affine(20, 0, 500_000, 0, -5, 5_000_000)
    path = write_finished(tmp_path / "c.tif", SMALL, names=DATES, transform=transform)
    zones = write_zones(tmp_path / "z.gpkg", [box(2, 0.5, 4, 1)])  # column 1, row 1
    _, first, _ = table(path, tmp_path / "t.csv", zones=zones)
    assert first[2:] == ["1", "1", "0", "0.0", "0.49"]


def test_tables_of_other_kinds(tmp_path):
    with pytest.raises(OutputError, match=r"expected a name in \.csv or \.parquet"):
        check_table(tmp_path / "t.xlsx")
