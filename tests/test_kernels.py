"""The kernel by hand, and cut by the calendar against whole."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from am4cm_cli.scores.kernels import DayKernel, day_kernel, reached

DAYS = st.lists(st.integers(16_000, 17_500), min_size=1, max_size=30).map(sorted).map(np.array)


def test_kernel_by_hand():
    kernel = day_kernel(np.array([0, 25, 50, 125]), width=25.0)
    near, far = np.exp(-0.5), np.exp(-2.0)
    # The last date is 75 days = 3 widths from the third: just inside the kernel's reach.
    last = np.exp(-4.5)
    expected = [[0, near, far, 0], [near, 0, near, 0], [far, near, 0, last], [0, 0, last, 0]]
    assert_allclose(kernel, expected)


@given(days=DAYS, width=st.sampled_from([7.0, 12.3, 25.0, 40.0]))
def test_the_cut_kernel_is_the_whole_one(days, width):
    series = torch.rand(len(days), 2, 3, dtype=torch.float64)
    found = DayKernel.of(days, width=width).sum(series)
    assert_allclose(found, np.einsum("ts,sfp->tfp", day_kernel(days, width=width), series))


@given(days=DAYS)
def test_factors_go_to_their_own_pairs(days):
    factors = torch.rand(len(days), len(days), dtype=torch.float64)
    series = torch.rand(len(days), 3, dtype=torch.float64)
    found = DayKernel.of(days, width=25.0).times(factors).sum(series)
    assert_allclose(found, (day_kernel(days, width=25.0) * factors.numpy()) @ series.numpy())


def test_reach_by_hand():
    # Chunks of 75 days: 0, 0, 1, 2, 3, 4 and 9.
    days = np.array([0, 74, 75, 150, 225, 374, 700])
    far = [False, True, True, True, True, True, False]
    assert reached(days, np.array([160]), 1, width=25.0).tolist() == [
        *[False, False, True, True, True, False, False],
    ]
    assert reached(days, np.array([299]), 2, width=25.0).tolist() == [
        *[False, False, True, True, True, True, False],
    ]
    assert reached(days[1:], np.array([160]), 2, width=25.0).tolist() == far[1:]
    assert not reached(days, np.array([], np.int64), 3, width=25.0).any()
