"""The numbers behind a page."""

import zlib
from base64 import b64decode

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from rasterio.io import MemoryFile

from am4cm_cli.rasters.masks import open_mask
from am4cm_cli.reports.inspection import inspect_mask
from am4cm_cli.stacks.headers import not_georeferenced_is_fine
from am4cm_cli.viewer.census import UNSEEN, take_census
from am4cm_cli.viewer.coding import (
    JPEG,
    NONE,
    PNG,
    STEP,
    encode_numbers,
    encode_picture,
    encode_reflectance,
)
from am4cm_cli.viewer.gaps import longest_gaps
from am4cm_cli.viewer.looks import find_looks
from am4cm_cli.viewer.mosaics import Mosaic
from am4cm_cli.viewer.view import MOST_SHOWN, MOST_SIDE, plan_view
from am4cm_cli.windows import tile_grid
from finished import percents, write_finished


def test_gaps_by_hand():
    days = np.array([10, 15, 25, 40, 41])
    clear = np.array(
        [
            [1, 1, 1, 1, 1],  # the longest step between two dates: 25 to 40
            [0, 0, 0, 0, 0],  # all of it: 10 to 41
            [0, 0, 0, 1, 0],  # from the first date on: 10 to 40
            [1, 0, 0, 0, 0],  # to the last date
            [0, 1, 0, 0, 1],  # 15 to 41
        ],
        bool,
    )
    gaps = longest_gaps(clear.T[:, :, None], days)
    assert gaps[:, 0].tolist() == [15, 31, 30, 31, 26]


@given(
    clear=arrays(bool, st.tuples(st.integers(1, 9), st.just(2), st.just(3))),
    steps=st.lists(st.integers(0, 40), min_size=9, max_size=9),
)
def test_gaps_are_the_longest_of_all(clear, steps):
    days = np.cumsum(steps)[: len(clear)]
    gaps = longest_gaps(clear, days)
    for row, column in np.ndindex(2, 3):
        ends = [days[0], *days[clear[:, row, column]], days[-1]]
        assert gaps[row, column] == np.diff(ends).max()


@given(
    grid=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    thin=st.tuples(st.floats(0.1, 1), st.floats(0.1, 1)),
    size=st.integers(1, 17),
    worst=st.sampled_from([np.maximum, np.minimum]),
)
def test_a_mosaic_shows_the_worst_of_each_of_its_pixels(grid, thin, size, worst):
    shape = tuple(max(1, int(side * share)) for side, share in zip(grid, thin, strict=True))
    values = np.random.default_rng(0).integers(0, 1000, grid)
    mosaic = Mosaic(shape, grid, worst, -1 if worst is np.maximum else 1001)
    for window in tile_grid(grid, size=size):
        mosaic.add(window, values[window.toslices()])
    # A pixel is shown where its centre lies.
    rows = ((np.arange(grid[0]) + 0.5) / grid[0] * shape[0]).astype(int)
    cols = ((np.arange(grid[1]) + 0.5) / grid[1] * shape[1]).astype(int)
    for row, col in np.ndindex(*shape):
        own = values[np.ix_(rows == row, cols == col)]
        assert mosaic.values[row, col] == worst.reduce(own, axis=None)


@pytest.fixture
def mask(tmp_path):
    numbers = percents()
    numbers[:3, 30, 50] = 90
    return open_mask(write_finished(tmp_path / "mask.tif", numbers)), numbers


DAYS = np.array([17537, 17552, 17552, 17597])


def test_a_census_counts_every_pixel(mask):
    opened, numbers = mask
    census = take_census(opened, DAYS, numbers.shape[1:])
    valid, masked = numbers != 255, (numbers >= 50) & (numbers != 255)
    clear, seen = valid & ~masked, valid.any(0)
    assert census.valid.tolist() == valid.sum((1, 2)).tolist()
    assert census.masked.tolist() == masked.sum((1, 2)).tolist()
    assert (census.clear_count == np.where(seen, clear.sum(0), UNSEEN)).all()
    assert (census.always_masked == np.where(seen, ~clear.any(0), UNSEEN)).all()
    assert census.always_masked[30, 50] == 1
    assert (census.observed, census.pixels) == (seen.sum(), seen.size)
    assert census.never_clear == (seen & ~clear.any(0)).sum()
    # 45 days where clear at last on the second of three days, 60 where not at all.
    once = clear[1] | clear[2]
    gap = np.where(once, 45, 60)
    assert (census.longest_gap == np.where(seen, gap, UNSEEN)).all()


def test_shares_are_those_of_info(mask):
    opened, _ = mask
    census = take_census(opened, DAYS, (5, 7))
    bands = inspect_mask(opened.path).bands
    told = [np.nan if band.cloud_share is None else band.cloud_share for band in bands]
    np.testing.assert_allclose(census.cloud_share, told)
    assert np.isnan(census.cloud_share[-1])


def test_a_coarse_map_keeps_a_single_roof(tmp_path):
    numbers = np.zeros((3, 90, 70), np.uint8)
    numbers[:, 41, 33] = 100
    path = write_finished(tmp_path / "mask.tif", numbers, names=("2018-01-01",) * 3)
    census = take_census(open_mask(path), np.array([0, 5, 9]), (9, 7))
    assert np.argwhere(census.always_masked == 1).tolist() == [[4, 3]]
    assert census.longest_gap[4, 3] == 9
    assert census.clear_count[4, 3] == 0
    assert census.clear_count.max() == 3


@given(
    grid=st.tuples(st.integers(1, 12000), st.integers(1, 12000)),
    dates=st.integers(1, 2000),
    shrink=st.floats(0.05, 1),
)
def test_a_view_is_bounded(grid, dates, shrink):
    view = plan_view(grid, dates, shrink=shrink)
    thin = max(grid)  # a line of pixels is one pixel wide at least
    assert max(view.shape) <= MOST_SIDE
    assert view.shape[0] * view.shape[1] * dates <= MOST_SHOWN + thin * dates
    assert 1 <= view.shape[0] <= grid[0]
    assert 1 <= view.shape[1] <= grid[1]
    for places, length in ((view.rows, view.shape[0]), (view.columns, view.shape[1])):
        assert (np.diff(places) > 0).all()
        assert 0 <= places[0] <= places[-1] < length


def test_a_small_series_is_shown_whole():
    view = plan_view((64, 63), 118)
    assert view.is_whole
    assert view.lossless
    assert len(view.rows) * len(view.columns) == 64 * 63
    large = plan_view((10980, 10980), 100)
    assert not large.is_whole
    assert not large.lossless


def test_numbers_come_back():
    numbers = np.array([[0, 1], [258, 65535]], np.uint16)
    told = zlib.decompress(b64decode(encode_numbers(numbers)))
    assert list(told) == [0, 0, 1, 0, 2, 1, 255, 255]


def test_reflectance_comes_back_to_half_a_step():
    series = np.array([0.1234, -0.02, np.nan, 1.5, 99])
    steps = np.frombuffer(zlib.decompress(b64decode(encode_reflectance(series))), "<i2")
    assert steps[2] == NONE
    known = [0, 1, 3]
    np.testing.assert_allclose(steps[known] * STEP, series[known], atol=STEP / 2)
    assert steps[4] == 32767


@pytest.mark.parametrize(("kind", "off"), [(PNG, 0), (JPEG, 12)])
def test_pictures_come_back(kind, off):
    ramp = np.linspace(0, 255, 60).astype(np.uint8)
    across, flat = np.tile(ramp, (40, 1)), np.full((40, 60), 90, np.uint8)
    colours = np.stack([across, flat, across[:, ::-1]])
    stored = b64decode(encode_picture(colours, kind))
    with not_georeferenced_is_fine(), MemoryFile(stored) as file, file.open() as raster:
        found = raster.read()
        assert f"image/{raster.driver.lower()}" == kind
    assert np.abs(found.astype(int) - colours).max() <= off


def test_looks_go_by_the_bands_there_are():
    told = lambda bands: [(look.key, look.bands) for look in find_looks(bands)]  # noqa: E731
    assert told(("B02", "B03", "B04", "B8A")) == [
        ("true", ("B04", "B03", "B02")),
        ("false", ("B8A", "B04", "B03")),
    ]
    assert told(("B03", "B04", "B08", "B8A")) == [("false", ("B08", "B04", "B03"))]
    assert told(("B02", "B11")) == [("grey", ("B02",) * 3)]
