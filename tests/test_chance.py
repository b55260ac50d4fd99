"""Random numbers by counting: the same whatever the order, the padding and the company."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from am4cm_cli.chance import Draws, mix, shuffled, to_normal

CPU = torch.device("cpu")


def draws(series, *, seed=3, epoch=0):
    return Draws(series=torch.as_tensor(series), seed=seed, epoch=epoch)


def mixed_by_hand(number):
    """The same hash with whole numbers that never wrap."""
    x = number % 2**32
    x ^= x >> 16
    x = x * 0x7FEB352D % 2**32
    x ^= x >> 15
    x = x * 0x846CA68B % 2**32
    return x ^ x >> 16


@given(numbers=st.lists(st.integers(-(2**31), 2**31 - 1), min_size=1, max_size=40))
def test_the_hash_is_that_of_whole_numbers(numbers):
    found = mix(torch.tensor(numbers, dtype=torch.int32)).tolist()
    assert [number % 2**32 for number in found] == [mixed_by_hand(number) for number in numbers]


@given(
    seed=st.integers(0, 99),
    series=st.lists(st.integers(0, 2**31 - 1), min_size=2, max_size=9, unique=True),
    dates=st.integers(1, 6),
    padding=st.integers(0, 5),
)
def test_a_number_depends_on_its_series_and_place_alone(seed, series, dates, padding):
    whole = draws(series, seed=seed).uniform((dates + padding, 3), use=1)
    one = draws(series[1:2], seed=seed).uniform((dates, 3), use=1)
    assert torch.equal(whole[1:2, :dates], one)
    backwards = draws(series[::-1], seed=seed).uniform((dates, 3), use=1)
    assert torch.equal(backwards.flip(0), whole[:, :dates])


@pytest.mark.parametrize("changes", [{"seed": 4}, {"epoch": 1}])
def test_seeds_epochs_and_uses_have_their_own(changes):
    usual = draws([1, 2]).uniform((50,), use=1)
    assert (draws([1, 2], **changes).uniform((50,), use=1) != usual).all()
    assert (draws([1, 2]).uniform((50,), use=2) != usual).all()


def test_even_numbers_are_even_and_unrelated():
    found = draws(torch.arange(500)).uniform((40, 10), use=0).double().numpy()
    assert found.min() >= 0
    assert found.max() < 1
    assert stats.kstest(found.ravel(), "uniform").pvalue > 0.01
    for axis in range(3):
        along = np.moveaxis(found, axis, 0)
        assert abs(np.corrcoef(along[1:].ravel(), along[:-1].ravel())[0, 1]) < 0.01


def test_normal_numbers_are_normal():
    found = draws(torch.arange(500)).normal((40, 10), use=0).double().numpy().ravel()
    assert np.isfinite(found).all()
    assert stats.kstest(found, "norm").pvalue > 0.01


def test_the_ends_of_normal_numbers_are_finite():
    low, high = to_normal(torch.tensor([0.0, 1 - 2**-24])).tolist()
    assert low == -high
    assert 5 < high < 5.42


@pytest.mark.parametrize(("shape", "axis"), [((300, 70), 0), ((5, 300, 70), 1)])
def test_dropout_drops_its_share_and_keeps_the_mean(shape, axis):
    dropped = draws(torch.arange(300)).dropout(torch.ones(shape), rate=0.2, sample_axis=axis)
    assert dropped.shape == shape
    assert set(dropped.unique().tolist()) == {0.0, 1.25}
    assert (dropped == 0).double().mean() == pytest.approx(0.2, abs=0.01)


def test_dropout_asked_again_is_another():
    chance = draws(torch.arange(300))
    first, second = (chance.dropout(torch.ones(300, 70), rate=0.5) for _ in range(2))
    assert ((first == 0) == (second == 0)).double().mean() == pytest.approx(0.5, abs=0.02)
    again = draws(torch.arange(300)).dropout(torch.ones(300, 70), rate=0.5)
    assert torch.equal(first, again)


@given(series=st.integers(1, 3000), seed=st.integers(0, 99))
def test_an_order_has_everyone_once(series, seed):
    order = shuffled(series, seed=seed, epoch=0, device=CPU)
    assert torch.equal(order.sort().values, torch.arange(series))


def test_orders_are_unlike_each_other_and_without_a_trend():
    orders = torch.stack([shuffled(1000, seed=0, epoch=n, device=CPU) for n in range(60)])
    found = orders.double().numpy()
    assert (orders[0] == orders[1]).sum() < 10
    related = [stats.spearmanr(np.arange(1000), order).statistic for order in found]
    assert np.std(related) == pytest.approx(1 / np.sqrt(999), rel=0.35)
    followed = [np.corrcoef(order[1:], order[:-1])[0, 1] for order in found]
    assert abs(np.mean(followed)) < 0.02
    first = stats.kstest(found[:, :20].ravel() / 1000, "uniform")
    assert first.pvalue > 0.01
