"""The baselines' features, by NumPy's own interpolation."""

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from am4cm_cli.datasets.pixels import NODATA, PixelSeries

BENCH = Path(__file__).parents[1] / "bench/baselines.py"


def load():
    spec = importlib.util.spec_from_file_location("bench_baselines", BENCH)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where its dataclasses look for themselves
    spec.loader.exec_module(module)
    return module


baselines = load()


@given(seed=st.integers(0, 10**6), pixels=st.integers(1, 4), dates=st.integers(1, 9))
def test_interpolation_is_numpys(seed, pixels, dates):
    rng = np.random.default_rng(seed)
    days = np.sort(rng.choice(60, dates, replace=False))
    wanted = np.arange(-5, 70, 3)
    valid = rng.random((pixels, dates)) < 0.5
    valid[np.arange(pixels), rng.integers(dates, size=pixels)] = True
    reflectance = rng.random((pixels, dates, 2)).astype(np.float32)
    found = baselines.interpolate(reflectance, valid, days, wanted)
    for pixel, seen in enumerate(valid):
        for band in range(2):
            expected = np.interp(wanted, days[seen], reflectance[pixel, seen, band])
            np.testing.assert_allclose(found[pixel, :, band], expected, rtol=1e-5, atol=1e-6)


def days_since_1970(*dates):
    return [int(np.datetime64(date, "D").astype(int)) for date in dates]


def some_series(*, first, calendar):
    """Two calendars in two years; each value tells the series, the date and the band."""
    days = days_since_1970("2018-01-05", "2018-02-01", "2018-02-25") + days_since_1970(
        "2016-01-11", "2016-02-02"
    )
    lengths = np.array([3, 2])[calendar]
    rows = [
        [1000 * (first + one) + 100 * date + band for band in range(4)]
        for one, length in enumerate(lengths)
        for date in range(length)
    ]
    return PixelSeries(
        reflectance=np.array(rows, np.int16),
        calendar=np.array(calendar, np.int32),
        target=(first + np.arange(len(calendar))).astype(np.int16),
        group=np.arange(len(calendar)),
        pixel=np.arange(len(calendar), dtype=np.int32),
        days=np.array(days, np.int32),
        calendar_start=np.array([0, 3, 5]),
    )


def test_days_of_different_years_meet_in_the_season():
    series = some_series(first=0, calendar=[0])
    assert baselines.season_days(series, 0).tolist() == [4, 31, 55]
    assert baselines.season_days(series, 1).tolist() == [10, 32]
    assert baselines.common_days([series], step=20).tolist() == [4, 24, 44, 64]


def test_a_season_goes_on_into_the_next_year():
    days = days_since_1970("2018-12-31", "2019-01-01")
    starts = np.array([0, 2])
    series = replace(some_series(first=0, calendar=[0]), days=np.array(days), calendar_start=starts)
    assert baselines.season_days(series, 0).tolist() == [364, 365]


def test_features_of_series_on_their_own_dates():
    series = some_series(first=1, calendar=[1, 0, 1])
    found = baselines.features(series, np.array([2, 0, 1]), np.array([10, 32]))
    expected = 1e-4 * np.array([3000, 3100, 1000, 1100])[:, None] + 1e-4 * np.arange(4)
    np.testing.assert_allclose(found[:2].reshape(4, 4), expected, rtol=1e-5)
    between = 2000 + 100 * (10 - 4) / (31 - 4), 2100 + 100 * (32 - 31) / (55 - 31)
    np.testing.assert_allclose(found[2, [0, 4]], 1e-4 * np.array(between), rtol=1e-5)


def test_features_pass_over_what_was_not_observed():
    series = some_series(first=1, calendar=[0])
    series.reflectance[1] = NODATA
    found = baselines.features(series, np.array([0]), np.array([31]))
    np.testing.assert_allclose(found[0, 0], 0.1 + 0.02 * (31 - 4) / (55 - 4), rtol=1e-5)


@pytest.mark.parametrize(("most", "count"), [(4, 4), (50, 7)])
def test_training_series_are_drawn_from_all_folds_once_each(most, count):
    parts = [
        some_series(first=0, calendar=[0, 1, 0, 0, 1]),
        some_series(first=5, calendar=[1, 0]),
    ]
    samples = baselines.training_samples(parts, np.array([4]), most=most, seed=0)
    assert len(set(samples.target.tolist())) == len(samples.target) == count
    assert samples.features.shape == (count, 4)
    # The first observed value tells the series.
    np.testing.assert_allclose(samples.features[:, 0], 0.1 * samples.target, atol=1e-6)


def test_every_test_series_comes_once(monkeypatch):
    monkeypatch.setattr(baselines, "CHUNK", 2)
    series = some_series(first=3, calendar=[0, 1, 0, 0, 1])
    chunks = list(baselines.in_chunks(series, np.array([4])))
    assert [len(chunk.features) for chunk in chunks] == [2, 2, 1]
    assert np.concatenate([chunk.target for chunk in chunks]).tolist() == [3, 4, 5, 6, 7]


def test_scores_count_every_series():
    class Never:
        def predict(self, features):
            return np.zeros(len(features), np.int16)

    series = some_series(first=0, calendar=[0, 1, 0])
    found = baselines.score(Never(), baselines.in_chunks(series, np.array([4])), classes=3)
    assert found.counts.tolist() == [[1, 0, 0]] * 3
