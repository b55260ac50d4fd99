"""Areas by bins of the drop, by scikit-learn's exact ones."""

import importlib
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

BENCH = Path(__file__).parents[1] / "bench"
DATES, PIXELS = 7, 90


@pytest.fixture(scope="module")
def paired():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(BENCH)
        yield importlib.import_module("paired")


@pytest.fixture
def trial(paired):
    rng = np.random.default_rng(3)
    return paired.Trial(
        name="made up",
        stack=None,
        bands=(),
        cloudy=rng.random((DATES, PIXELS)) < 0.3,
        used=rng.random((DATES, PIXELS)) < 0.8,
    )


@pytest.fixture
def drop(trial):
    rng = np.random.default_rng(4)
    found = (trial.cloudy + rng.normal(size=trial.cloudy.shape)).astype(np.float32)
    found[2, 5:9] = np.nan
    return found


def test_area_by_bins_is_the_exact_one(paired, trial, drop):
    counts = paired.date_counts(trial, drop)
    seen = trial.used & np.isfinite(drop)
    assert counts.shape == (DATES, 2, paired.BINS)
    assert (counts.sum(axis=2)[:, 1] == (seen & trial.cloudy).sum(axis=1)).all()
    expected = roc_auc_score(trial.cloudy[seen], drop[seen])
    assert paired.area(counts.sum(axis=0)) == pytest.approx(expected, abs=1e-4)


def test_ties_count_half(paired):
    clear, cloudy = [2, 1, 0, 0], [0, 2, 1, 1]
    pairs = [(c > k) + 0.5 * (c == k) for k in (0, 0, 1) for c in (1, 1, 2, 3)]
    expected = sum(pairs) / len(pairs)
    assert paired.area(np.array([clear, cloudy])) == pytest.approx(expected)


def test_a_better_file_is_ahead_whatever_dates_are_drawn(paired, trial, drop, monkeypatch):
    monkeypatch.setattr(paired, "DRAWS", 50)
    better = paired.date_counts(trial, drop + 2 * trial.cloudy)
    same = paired.date_counts(trial, drop)
    assert (paired.differences(better, same) > 0).all()
    assert (paired.differences(same, same) == 0).all()
