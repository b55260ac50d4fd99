"""Measures from counts against scikit-learn's from pixels, and against sums by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import (
    average_precision_score,
    balanced_accuracy_score,
    f1_score,
    jaccard_score,
    precision_recall_curve,
    precision_score,
    recall_score,
    roc_auc_score,
    roc_curve,
)

from am4cm_cli.validation.bins import PERCENT, PROBABILITY, REFLECTANCE, Bins
from am4cm_cli.validation.counts import DateCounts
from am4cm_cli.validation.curves import curves
from am4cm_cli.validation.measures import (
    MEASURES,
    THRESHOLDS,
    best_threshold,
    measure,
    reliability,
    threshold_table,
)


def scene(*, seed=0, dates=5, pixels=400):
    """(T, P) whole percents as shares, and a reference that they tell something of."""
    rng = np.random.default_rng(seed)
    flagged = rng.random((dates, pixels)) < 0.4
    logits = rng.normal(3 * flagged - 1.5, 2)
    return np.rint(100 / (1 + np.exp(-logits))) / 100, flagged


@given(seed=st.integers(0, 10_000), pixels=st.integers(20, 60))
def test_measures_are_those_of_scikit_learn(seed, pixels):
    scores, flagged = scene(seed=seed, dates=3, pixels=pixels)
    truth, found = flagged.ravel(), scores.ravel()
    expected = {
        "auc": roc_auc_score(truth, found),
        "average_precision": average_precision_score(truth, found),
        "f1": f1_score(truth, found >= 0.5),
        "precision": precision_score(truth, found >= 0.5),
        "recall": recall_score(truth, found >= 0.5),
        "balanced_accuracy": balanced_accuracy_score(truth, found >= 0.5),
        "iou": jaccard_score(truth, found >= 0.5),
    }
    for bins in (PERCENT, PROBABILITY):
        measured = measure(DateCounts.of(scores, flagged, bins=bins))
        assert set(measured) == set(MEASURES)
        for name, value in expected.items():
            assert measured[name] == pytest.approx(value, abs=1e-9), name


def test_fine_bins_lose_next_to_nothing_of_floats():
    rng = np.random.default_rng(3)
    flagged = rng.random((4, 5000)) < 0.5
    scores = 1 / (1 + np.exp(-rng.normal(4 * flagged - 2, 4)))
    measured = measure(DateCounts.of(scores, flagged, bins=PROBABILITY))
    assert measured["auc"] == pytest.approx(
        roc_auc_score(flagged.ravel(), scores.ravel()), abs=5e-5
    )
    assert measured["f1"] == f1_score(flagged.ravel(), scores.ravel() >= 0.5)


@pytest.mark.parametrize("bins", [PERCENT, PROBABILITY, REFLECTANCE])
def test_bins_rise_and_hold_their_own_values(bins):
    assert len(bins.edges) + 1 == len(bins.values) == bins.count
    assert (np.diff(bins.edges) > 0).all()
    np.testing.assert_array_equal(bins.place(bins.values), np.arange(bins.count))


@pytest.mark.parametrize("bins", [PERCENT, PROBABILITY])
def test_every_threshold_parts_the_bins_where_it_stands(bins):
    below, at = np.array(THRESHOLDS) - 0.006, np.array(THRESHOLDS)
    assert (bins.values[bins.place(below)] < at).all()
    assert (bins.values[bins.place(at)] >= at - 1e-9).all()


def test_calibration_error_by_hand():
    # 0.05: 4 pixels, none flagged. 0.3: 2 of 4. 0.95: all of 2.
    scores = np.array([[0.05] * 4 + [0.3] * 4 + [0.95] * 2])
    flagged = np.array([[0] * 4 + [1, 1, 0, 0] + [1, 1]], bool)
    counts = DateCounts.of(scores, flagged, bins=PERCENT)
    expected = (4 * 0.05 + 4 * 0.2 + 2 * 0.05) / 10
    assert measure(counts)["ece"] == pytest.approx(expected)
    line = reliability(counts)
    assert line["promised"] == pytest.approx([0.05, 0.3, 0.95])
    assert line["found"] == [0, 0.5, 1]
    assert line["pixels"] == [4, 4, 2]


def test_what_is_undefined_is_nan():
    nothing = DateCounts.of(np.full((2, 3), np.nan), np.zeros((2, 3), bool), bins=PERCENT)
    assert all(np.isnan(value) for value in measure(nothing).values())
    only_clear = DateCounts.of(np.full((2, 3), 0.2), np.zeros((2, 3), bool), bins=PERCENT)
    measured = measure(only_clear)
    assert np.isnan(measured["auc"])
    assert np.isnan(measured["recall"])
    assert measured["ece"] == pytest.approx(0.2)


def test_scores_that_are_no_probability_have_no_calibration_error():
    scores, flagged = scene()
    bins = Bins(edges=np.array([0.2, 0.4]), values=np.array([0.1, 0.3, 0.7]))
    counts = DateCounts.of(scores, flagged, bins=bins)
    plain = DateCounts(
        counts=counts.counts, values=counts.values, threshold=0.3, is_probability=False
    )
    assert np.isnan(measure(plain)["ece"])
    assert measure(plain)["f1"] == pytest.approx(f1_score(flagged.ravel(), scores.ravel() >= 0.2))


def test_the_threshold_table_is_measured_at_each_threshold():
    scores, flagged = scene()
    table = threshold_table(DateCounts.of(scores, flagged, bins=PERCENT))
    assert [row["threshold"] for row in table] == list(THRESHOLDS)
    for row in table:
        above = scores.ravel() >= row["threshold"]
        assert row["f1"] == pytest.approx(f1_score(flagged.ravel(), above))


def test_the_best_threshold_has_the_highest_f1():
    scores, flagged = scene(seed=5)
    precision, recall, thresholds = precision_recall_curve(flagged.ravel(), scores.ravel())
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    counts = DateCounts.of(scores, flagged, bins=PERCENT)
    assert best_threshold(counts) == pytest.approx(thresholds[f1[:-1].argmax()])


def test_curves_are_those_of_scikit_learn():
    scores, flagged = scene(seed=2)
    found = curves(DateCounts.of(scores, flagged, bins=PERCENT))
    alarm, recall, _ = roc_curve(flagged.ravel(), scores.ravel(), drop_intermediate=False)
    steps = set(zip(found.false_alarm.round(9), found.recall.round(9), strict=True))
    assert steps == set(zip(alarm.round(9), recall.round(9), strict=True))
    assert np.isnan(found.precision[0])
    assert found.precision[-1] == pytest.approx(flagged.mean())
