"""The mean of the known 3 x 3, against numpy's own."""

import warnings

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from am4cm_cli.scores.neighbourhood import neighbourhood_mean


@given(seed=st.integers(0, 10**6), rows=st.integers(1, 5), cols=st.integers(1, 6))
def test_mean_of_the_known_neighbours(seed, rows, cols):
    rng = np.random.default_rng(seed)
    scores = np.where(rng.random((2, rows, cols)) > 0.3, rng.normal(size=(2, rows, cols)), np.nan)
    found = neighbourhood_mean(torch.from_numpy(scores)).numpy()
    padded = np.pad(scores, ((0, 0), (1, 1), (1, 1)), constant_values=np.nan)
    views = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of nothing but NaN
        expected = np.nanmean(views, axis=(-2, -1))
    assert_allclose(found, np.where(np.isnan(scores), np.nan, expected), atol=1e-12)


def test_windows_are_kept_apart():
    scores = torch.stack([torch.zeros(2, 3, 3), torch.ones(2, 3, 3)])
    assert_allclose(neighbourhood_mean(scores), scores)


@given(
    seed=st.integers(0, 10**6),
    top=st.integers(0, 5),
    left=st.integers(0, 40),
    gaps=st.sampled_from([0.0, 0.05]),
)
def test_a_mean_is_the_same_in_every_window_to_the_last_bit(seed, top, left, gaps):
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(2, 12, 60)).astype(np.float32)
    scores[rng.random(scores.shape) < gaps] = np.nan
    whole = neighbourhood_mean(torch.from_numpy(scores)).numpy()
    window = np.s_[:, top : top + 7, left : left + 19]
    part = neighbourhood_mean(torch.from_numpy(scores[window].copy())).numpy()
    inner = np.s_[:, 1:-1, 1:-1]
    assert part[inner].tobytes() == whole[window][inner].tobytes()


def test_a_gap_elsewhere_changes_no_bit():
    scores = torch.randn(2, 9, 30)
    broken = scores.clone()
    broken[1, 7, 20] = torch.nan
    found = neighbourhood_mean(broken)[:, :6]
    assert torch.equal(found, neighbourhood_mean(scores)[:, :6])
