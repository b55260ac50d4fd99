"""Seams between windows: whatever the tiling, what is put together is what was taken apart."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from rasterio.windows import Window

from am4cm_cli.rims import Strip, border_windows, cut, gather, seams
from am4cm_cli.windows import Tiling

sides = st.integers(1, 9)


@given(shape=st.tuples(st.integers(1, 20), st.integers(1, 20)), size=st.tuples(sides, sides))
def test_surroundings_of_a_seam_come_from_strips_alone(shape, size):
    tiling = Tiling(shape=shape, size=size)
    whole = np.arange(2 * 3 * shape[0] * shape[1], dtype=np.float32).reshape(2, 3, *shape)
    for window in tiling:
        strips = [
            Strip(window=thin, planes=cut(torch.from_numpy(_part(whole, near)), near, thin).numpy())
            for near in tiling.around(window)
            for thin in border_windows(near, shape).values()
        ]
        for line, around in seams(window, shape):
            assert_array_equal(gather(around, strips), _part(whole, around))
            assert min(line.height, line.width) == 1


@given(shape=st.tuples(st.integers(1, 20), st.integers(1, 20)), size=st.tuples(sides, sides))
def test_seams_are_the_pixels_whose_neighbours_lie_in_another_window(shape, size):
    tiling = Tiling(shape=shape, size=size)
    owner, expected, found = np.zeros(shape, int), np.zeros(shape, bool), np.zeros(shape, bool)
    for number, window in enumerate(tiling):
        owner[window.toslices()] = number
    for row, col in np.ndindex(shape):
        near = owner[max(0, row - 1) : row + 2, max(0, col - 1) : col + 2]
        expected[row, col] = (near != owner[row, col]).any()
    for window in tiling:
        for line, _ in seams(window, shape):
            found[line.toslices()] = True
    assert_array_equal(found, expected)


@given(shape=st.tuples(st.integers(1, 30), st.integers(1, 30)), size=st.tuples(sides, sides))
def test_windows_cover_a_grid_once_and_know_their_neighbours(shape, size):
    tiling = Tiling(shape=shape, size=size)
    hits = np.zeros(shape, int)
    windows = list(tiling)
    for window in windows:
        hits[window.toslices()] += 1
        touching = [near for near in windows if _touch(window, near)]
        assert tiling.around(window) == touching
    assert (hits == 1).all()


def _touch(one, other):
    down = one.row_off <= other.row_off + other.height and other.row_off <= one.row_off + one.height
    right = one.col_off <= other.col_off + other.width and other.col_off <= one.col_off + one.width
    return down and right


def _part(whole, window):
    return whole[(..., *window.toslices())]


def test_a_lone_window_has_no_seams():
    window = Window(0, 0, 7, 5)
    assert not border_windows(window, (5, 7))
    assert not list(seams(window, (5, 7)))
