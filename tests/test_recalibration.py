"""Recalibrations: known lines brought back, thresholds against all there are, order kept."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import fbeta_score, precision_recall_curve, precision_score, recall_score

from am4cm_cli.calibration import AS_IT_IS, Recalibration
from am4cm_cli.recalibration import (
    FOLDS,
    FBeta,
    Figures,
    Likelihood,
    Omission,
    cross_validate,
    effective_pixels,
    keep_order,
    log_odds,
    recalibrated,
)
from am4cm_cli.validation.bins import PROBABILITY
from am4cm_cli.validation.counts import DateCounts


def draw(*, dates=40, pixels=700, slope=1.0, intercept=0.0, seed=0):
    """Odds with a true line through them: (T, P) probability as claimed, truth."""
    rng = np.random.default_rng(seed)
    odds = rng.normal(0, 3, (dates, pixels))
    truth = rng.random(odds.shape) < expit(slope * odds + intercept)
    return expit(odds), truth


def count(probability, truth):
    return DateCounts.of(probability, truth, bins=PROBABILITY).counts


@pytest.mark.parametrize(("slope", "intercept"), [(1.0, 0.0), (0.5, 1.0), (1.6, -0.8)])
def test_a_known_line_is_brought_back(slope, intercept):
    line = Likelihood().fit(count(*draw(slope=slope, intercept=intercept)))
    assert line.slope == pytest.approx(slope, rel=0.12)
    assert line.intercept == pytest.approx(intercept, abs=0.15)


def test_calibrated_again_it_stays_as_it_is():
    probability, truth = draw(slope=0.4, intercept=1.2, dates=60)
    line = Likelihood().fit(count(probability, truth))
    after = line(torch.from_numpy(probability)).numpy()
    assert Figures.of(count(after, truth).sum(0), beta=1).ece < 0.01
    assert Figures.of(count(probability, truth).sum(0), beta=1).ece > 0.05
    again = Likelihood().fit(count(after, truth))
    assert again.slope == pytest.approx(1, abs=0.08)
    assert again.intercept == pytest.approx(0, abs=0.05)


def test_the_line_is_that_of_logistic_regression_where_the_prior_is_weak(monkeypatch):
    monkeypatch.setattr("am4cm_cli.recalibration.PRIOR_SD", np.array([1e3, 1e3]))
    probability, truth = draw(slope=0.7, intercept=0.5, pixels=300)
    line = Likelihood().fit(count(probability, truth))
    model = LogisticRegression(C=np.inf, tol=1e-8)
    model.fit(log_odds(probability).reshape(-1, 1), truth.ravel())
    # Bins of the odds are 0.05 wide or less between 0.3 and 99.7 %.
    assert line.slope == pytest.approx(model.coef_[0, 0], abs=0.005)
    assert line.intercept == pytest.approx(model.intercept_[0], abs=0.005)


def test_a_date_counts_by_its_effective_pixels():
    assert effective_pixels(np.array([0, 1, 11, 10**6])).round(3).tolist() == [0, 1, 5.5, 10]


def test_a_large_date_does_not_drown_the_others():
    small, large = draw(pixels=50, dates=30), draw(pixels=20_000, dates=1, intercept=-4)
    counts = np.concatenate([count(*small), count(*large)])
    assert abs(Likelihood().fit(counts).intercept) < 0.4
    pooled = counts.sum(axis=0, keepdims=True)
    assert Likelihood().fit(pooled).intercept < -1


def test_a_few_labels_that_are_told_perfectly_leave_a_line_not_a_step():
    probability = np.array([[0.1, 0.2, 0.8, 0.9]])
    line = Likelihood().fit(count(probability, probability > 0.5))
    assert 1 < line.slope < 3
    assert abs(line.intercept) < 0.1


def test_a_score_turned_upside_down_still_rises():
    probability, truth = draw()
    line = Likelihood().fit(count(probability, ~truth))
    assert 0 < line.slope < 0.2


@pytest.mark.parametrize("beta", [0.5, 1, 2])
def test_the_threshold_has_the_highest_f_beta_of_all(beta):
    rng = np.random.default_rng(1)
    probability, truth = draw(dates=3, pixels=211, intercept=1)
    probability = probability ** rng.choice([1, 3], (3, 1))
    line = FBeta(beta=beta).fit(count(probability, truth))
    flagged = line(torch.from_numpy(probability)).numpy() >= 0.5
    found = fbeta_score(truth.ravel(), flagged.ravel(), beta=beta)
    precision, recall, _ = precision_recall_curve(truth.ravel(), probability.ravel())
    weighed = np.maximum(beta**2 * precision + recall, 1e-9)
    every = (1 + beta**2) * precision * recall / weighed
    # Thresholds are edges of bins, 0.05 apart in the odds.
    assert every.max() - 0.004 <= found <= every.max() + 1e-12
    assert line.slope == 1


def test_among_equal_thresholds_that_nearest_to_a_half_stays():
    probability = np.array([[0.1, 0.2, 0.8, 0.9, 0.95]])
    counts = count(probability, probability > 0.5)
    assert FBeta().fit(counts) == AS_IT_IS


@settings(deadline=None, max_examples=25)
@given(
    rate=st.floats(0, 1),
    seed=st.integers(0, 1000),
    intercept=st.floats(-3, 3),
)
def test_an_omission_holds_and_no_higher_threshold_holds_it(rate, seed, intercept):
    probability, truth = draw(dates=2, pixels=150, intercept=intercept, seed=seed)
    truth[0, 0], probability[0, 0] = True, 0.7
    counts = count(probability, truth)
    line = Omission(rate=rate).fit(counts)
    assert Figures.of(recalibrated(counts.sum(0), line), beta=1).omission <= rate + 1e-9
    higher = -line.intercept + 0.26  # beyond the next edge
    if higher < 13:
        assert (truth & (log_odds(probability) < higher)).sum() > rate * truth.sum()


def test_an_omission_by_hand():
    probability = np.array([[0.105, 0.305, 0.605, 0.905, 0.015]])
    truth = np.array([[True, True, True, True, False]])
    counts = count(probability, truth)
    for rate, below in ((0.0, 0.105), (0.24, 0.105), (0.25, 0.305), (0.5, 0.605)):
        threshold = expit(-Omission(rate=rate).fit(counts).intercept)
        assert below - 0.006 < threshold <= below


@settings(deadline=None, max_examples=15)
@given(slope=st.floats(0.1, 5), intercept=st.floats(-5, 5), seed=st.integers(0, 1000))
def test_counts_move_as_their_pixels_do(slope, intercept, seed):
    probability, truth = draw(dates=2, pixels=90, seed=seed)
    # Middles of bins, so that nothing is lost to them.
    probability = PROBABILITY.values[PROBABILITY.place(probability)]
    line = Recalibration(slope=slope, intercept=intercept)
    moved = count(line(torch.from_numpy(probability)).numpy(), truth).sum(axis=0)
    assert (recalibrated(count(probability, truth).sum(axis=0), line) == moved).all()


def test_figures_by_another_hand():
    probability, truth = draw(dates=3, pixels=97)
    found = Figures.of(count(probability, truth).sum(axis=0), beta=2)
    flagged = (probability >= 0.5).ravel()
    assert found.f_beta == pytest.approx(fbeta_score(truth.ravel(), flagged, beta=2))
    assert found.f1 == pytest.approx(fbeta_score(truth.ravel(), flagged, beta=1))
    assert found.precision == pytest.approx(precision_score(truth.ravel(), flagged))
    assert found.omission == pytest.approx(1 - recall_score(truth.ravel(), flagged))


def test_every_date_is_held_out_once():
    probability, truth = draw(dates=12, pixels=60, intercept=1)
    counts = count(probability, truth)
    counts[4] = 0
    found = cross_validate(counts, Likelihood())
    assert found.sum(axis=1).tolist() == counts.sum(axis=(0, 2)).tolist()
    dates = np.delete(np.arange(12), 4)
    by_hand = np.zeros_like(counts[0])
    for fold in np.array_split(dates, FOLDS):
        line = Likelihood().fit(counts[np.setdiff1d(dates, fold)])
        after = line(torch.from_numpy(PROBABILITY.values)).numpy()
        for place, value in enumerate(after):
            by_hand[:, PROBABILITY.place(value)] += counts[fold][:, :, place].sum(axis=0)
    assert (found == by_hand).all()


@pytest.mark.parametrize("dates", [1, 2])
def test_too_few_dates_cannot_be_held_out(dates):
    truth = np.arange(dates)[:, None] == np.zeros((1, 8))
    assert cross_validate(count(np.full((dates, 8), 0.3), truth), FBeta()) is None


def test_of_two_thresholds_unusables_is_never_the_higher():
    low, high = Recalibration(intercept=1.0), Recalibration(intercept=-2.0)
    assert keep_order(low, high) == low
    assert keep_order(high, low) == low
    steep = Recalibration(slope=2.0, intercept=-3.0)
    assert keep_order(low, steep) == steep
