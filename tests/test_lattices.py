"""Where rasters lie on grids, by hand and for any."""

import numpy as np
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from rasterio.crs import CRS
from rasterio.windows import Window

from am4cm_cli.stacks.areas import Area
from am4cm_cli.stacks.lattices import coarsen, cut, place_on, refine, same_lattice, touched, union
from am4cm_cli.stacks.stack import Grid

UTM = CRS.from_epsg(32631)
GRID = Grid(crs=UTM, transform=Affine(10, 0, 500_000, 0, -10, 5_000_000), shape=(7, 5))
SIDES = st.integers(1, 300)
STEPS = st.integers(-4000, 4000)


@given(row=STEPS, col=STEPS, height=SIDES, width=SIDES, factor=st.sampled_from([1, 2, 3, 6]))
def test_a_raster_is_placed_where_it_was_cut(row, col, height, width, factor):
    own = cut(GRID, Window(col, row, width * factor, height * factor))
    placed = place_on(GRID, coarsen(own, factor))
    assert placed is not None
    assert (placed.factor, placed.origin) == (factor, (-row, -col))
    assert placed.rows == (row, row + height * factor)
    assert placed.cols == (col, col + width * factor)


@pytest.mark.parametrize(
    "change",
    [
        Affine.translation(0.3, 0),
        Affine.translation(0, 0.06),
        Affine.rotation(1),
        Affine.scale(0.5),
        Affine.scale(1.5),
        Affine.scale(2, 4),
        Affine.scale(1, -1),
    ],
)
def test_other_pixels_have_no_place(change):
    own = Grid(crs=UTM, transform=GRID.transform @ change, shape=(4, 6))
    assert place_on(GRID, own) is None
    assert not same_lattice(GRID, own)


def test_another_crs_has_no_place():
    other = Grid(crs=CRS.from_epsg(32632), transform=GRID.transform, shape=GRID.shape)
    assert place_on(GRID, other) is None


@given(row=STEPS, col=STEPS, height=SIDES, width=SIDES)
def test_a_union_holds_both_and_no_more(row, col, height, width):
    other = cut(GRID, Window(col, row, width, height))
    found = union(GRID, [other])
    first, second = place_on(found, GRID), place_on(found, other)
    assert first is not None
    assert second is not None
    for sides, length in (((first.rows, second.rows), 0), ((first.cols, second.cols), 1)):
        assert min(start for start, _ in sides) == 0
        assert max(end for _, end in sides) == found.shape[length]


@given(height=SIDES, width=SIDES, side=st.integers(2, 6))
def test_refined_again_a_coarse_grid_is_what_it_was_made_of(height, width, side):
    fine = cut(GRID, Window(3, -2, width * side, height * side))
    again = refine(coarsen(fine, side), side)
    assert again.shape == fine.shape
    assert again.transform.almost_equals(fine.transform, 1e-6)
    assert coarsen(cut(GRID, Window(0, 0, 5, 7)), 2).shape == (3, 2)


@pytest.mark.parametrize(
    ("corners", "window"),
    [
        ([(500_010, 4_999_990), (500_020, 4_999_970)], Window(1, 1, 1, 2)),
        ([(500_010.1, 4_999_990), (500_020.1, 4_999_969.9)], Window(1, 1, 1, 2)),
        ([(500_009, 4_999_991), (500_021, 4_999_969)], Window(0, 0, 3, 4)),
        ([(0, 0), (1e6, 1e7)], Window(0, 0, 5, 7)),
        ([(500_050, 4_999_990), (500_070, 4_999_970)], None),
    ],
)
def test_a_box_touches_pixels(corners, window):
    assert touched(GRID, corners) == window


@given(st.data())
def test_an_area_is_cut_as_its_pixels_are(data):
    height, width = data.draw(st.integers(1, 40)), data.draw(st.integers(1, 40))
    inside = np.random.default_rng(height * 41 + width).random((height, width)) < 0.5
    area = Area.of(np.array_split(inside, 3))
    top, left = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    bottom, right = data.draw(st.integers(top, height)), data.draw(st.integers(left, width))
    found = area.cut(Window(left, top, right - left, bottom - top))
    assert (found == inside[top:bottom, left:right]).all()
    assert found.shape == (bottom - top, right - left)
    assert area.count == inside.sum()
    assert area.digest != Area.of([~inside]).digest
