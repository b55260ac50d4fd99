import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rasterio.windows import Window

from am4cm_cli.windows import inside, overlap, sample_rounds, sample_windows, tile_grid, with_rim

lengths = st.integers(1, 700)


def cover(shape, windows):
    hits = np.zeros(shape, int)
    for window in windows:
        inside = hits[window.toslices()]
        assert inside.shape == (window.height, window.width)
        inside += 1
    return hits


@given(height=lengths, width=lengths, size=st.integers(50, 300))
def test_tiles_cover_every_pixel_once(height, width, size):
    assert (cover((height, width), tile_grid((height, width), size=size)) == 1).all()


@given(height=lengths, width=lengths, side=st.integers(1, 40), per_axis=st.integers(1, 9))
def test_samples_lie_inside_and_apart(height, width, side, per_axis):
    windows = sample_windows((height, width), side=side, per_axis=per_axis)
    assert cover((height, width), windows).max() == 1
    assert len(windows) <= per_axis**2


@pytest.mark.parametrize("shape", [(1, 1), (64, 80), (256, 256)])
def test_small_grid_is_sampled_whole(shape):
    assert (cover(shape, sample_windows(shape)) == 1).all()


def test_sample_reaches_every_edge_of_a_large_grid():
    hits = cover((1000, 3000), sample_windows((1000, 3000), side=32, per_axis=4))
    assert hits.sum() == 16 * 32 * 32
    assert hits[0].any()
    assert hits[-1].any()
    assert hits[:, 0].any()
    assert hits[:, -1].any()


@given(height=st.integers(257, 900), width=st.integers(1, 900))
def test_rounds_stay_inside_and_get_denser(height, width):
    rounds = list(sample_rounds((height, width), side=16))
    assert rounds[0] == sample_windows((height, width), side=16)
    assert len(rounds) == 16
    for window in itertools.chain(*rounds):
        assert 0 <= window.row_off <= height - window.height
        assert 0 <= window.col_off <= width - window.width


def test_rounds_meet_any_patch_of_a_quarter_step():
    hits = np.zeros((2000, 1600), bool)
    for window in itertools.chain(*sample_rounds(hits.shape, side=16)):
        hits[window.toslices()] = True
    patches = hits.reshape(25, 80, 20, 80).any(axis=(1, 3))
    assert patches.all()


@given(height=lengths, width=lengths, size=st.integers(50, 300), rim=st.integers(0, 3))
def test_a_rim_is_added_and_cut_off_again(height, width, size, rim):
    numbers = np.arange(height * width).reshape(height, width)
    for window in tile_grid((height, width), size=size):
        wider = with_rim(window, (height, width), rim=rim)
        assert (
            numbers[wider.toslices()][inside(window, wider)] == numbers[window.toslices()]
        ).all()
        gained = (wider.height - window.height, wider.width - window.width)
        room = (height - window.height, width - window.width)
        assert all(rim <= more or more == most for more, most in zip(gained, room, strict=True))
        assert max(gained) <= 2 * rim


@given(
    shape=st.tuples(st.integers(129, 11000), st.integers(129, 11000)),
    block=st.tuples(st.sampled_from([1, 64, 256, 512]), st.sampled_from([64, 256, 512, 20000])),
)
def test_a_first_round_touches_few_blocks(shape, block):
    first = next(sample_rounds(shape, side=16, block=block))
    assert sum(patch.height * patch.width for patch in first) >= min(
        64 * 256, shape[0] * shape[1] // 200
    )
    touched = {
        (row, col)
        for patch in first
        for row in range(patch.row_off // block[0], (patch.row_off + 15) // block[0] + 1)
        for col in range(patch.col_off // block[1], (patch.col_off + 15) // block[1] + 1)
    }
    read = len(touched) * min(block[0], shape[0]) * min(block[1], shape[1])
    assert read <= max(0.25 * shape[0] * shape[1], 2**21)


def test_later_rounds_take_every_block_once():
    rounds = list(sample_rounds((4096, 4096), side=16, block=(512, 512)))
    blocks = [
        {(patch.row_off // 512, patch.col_off // 512) for patch in patches} for patches in rounds
    ]
    assert sum(map(len, blocks)) == len(set.union(*blocks)) == 64
    assert len(blocks[0]) <= 6


@given(
    a=st.tuples(*[st.integers(0, 9)] * 2, *[st.integers(1, 9)] * 2),
    b=st.tuples(*[st.integers(0, 9)] * 2, *[st.integers(1, 9)] * 2),
)
def test_what_two_windows_share_is_the_same_pixels(a, b):
    grid = np.arange(400).reshape(20, 20)
    one, other = Window(*a), Window(*b)
    shared = set(grid[one.toslices()].ravel()) & set(grid[other.toslices()].ravel())
    found = overlap(one, other)
    if not shared:
        assert found is None
    else:
        here, there = found
        assert set(grid[one.toslices()][here].ravel()) == shared
        assert (grid[one.toslices()][here] == grid[other.toslices()][there]).all()
