"""Intervals over dates, against a loop over drawn dates and against what must hold."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score, roc_auc_score

from am4cm_cli.validation.bins import PERCENT
from am4cm_cli.validation.counts import DateCounts
from am4cm_cli.validation.intervals import DRAWS, draws, interval, paired, resampled
from am4cm_cli.validation.measures import measure


def scene(*, seed=0, dates=6, skill=3.0):
    rng = np.random.default_rng(seed)
    flagged = rng.random((dates, 30)) < rng.random((dates, 1))
    share = 1 / (1 + np.exp(-rng.normal(skill * flagged - 1, 2)))
    return np.rint(100 * share) / 100, flagged


def test_resampling_counts_is_resampling_pixels_date_by_date():
    scores, flagged = scene()
    found = resampled(DateCounts.of(scores, flagged, bins=PERCENT))
    chosen = draws(6)
    assert chosen.shape == (DRAWS, 6)
    assert (chosen.sum(axis=1) == 6).all()
    for place in (0, 137, DRAWS - 1):
        dates = np.repeat(np.arange(6), chosen[place].astype(int))
        truth, share = flagged[dates].ravel(), scores[dates].ravel()
        assert found["auc"][place] == pytest.approx(roc_auc_score(truth, share))
        assert found["f1"][place] == pytest.approx(f1_score(truth, share >= 0.5))


@settings(max_examples=15)
@given(seed=st.integers(0, 1000))
def test_the_interval_holds_the_middle_of_what_was_drawn(seed):
    scores, flagged = scene(seed=seed, dates=4)
    counts = DateCounts.of(scores, flagged, bins=PERCENT)
    drawn = resampled(counts)["iou"]
    low, high = interval(counts)["iou"]
    assert np.mean((drawn >= low) & (drawn <= high)) >= 0.95
    assert low <= high


def test_dates_all_alike_leave_no_doubt():
    scores, flagged = scene()
    alike = DateCounts.of(scores[[2] * 5], flagged[[2] * 5], bins=PERCENT)
    low, high = interval(alike)["f1"]
    assert low == pytest.approx(high)
    assert low == pytest.approx(measure(alike)["f1"])


def test_one_date_tells_nothing_of_others():
    scores, flagged = scene(dates=2)
    scores[1] = np.nan  # a date without a pixel is none
    counts = DateCounts.of(scores, flagged, bins=PERCENT)
    assert counts.used.tolist() == [True, False]
    assert all(np.isnan(limits).all() for limits in interval(counts).values())


def test_a_date_without_pixels_changes_nothing():
    scores, flagged = scene(dates=5)
    with_empty = np.insert(scores, 2, np.nan, axis=0), np.insert(flagged, 2, False, axis=0)
    assert interval(DateCounts.of(*with_empty, bins=PERCENT)) == interval(
        DateCounts.of(scores, flagged, bins=PERCENT)
    )


def test_a_paired_difference_is_that_of_the_same_draws():
    (good, flagged), noise = scene(skill=4), np.random.default_rng(9).random((6, 30)).round(2)
    first = DateCounts.of(good, flagged, bins=PERCENT)
    second = DateCounts.of(noise, flagged, bins=PERCENT)
    value, low, high = paired(first, second)["auc"]
    assert value == pytest.approx(measure(first)["auc"] - measure(second)["auc"])
    apart = resampled(first)["auc"] - resampled(second)["auc"]
    assert (low, high) == tuple(np.quantile(apart, [0.025, 0.975]))
    assert 0 < low < high


def test_a_method_is_not_ahead_of_itself():
    counts = DateCounts.of(*scene(), bins=PERCENT)
    assert paired(counts, counts)["f1"] == (0, 0, 0)
