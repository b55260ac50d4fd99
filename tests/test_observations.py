"""What is computed from numbers as stored: as from reflectance, wherever a pixel stands."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from am4cm_cli.attention import fold
from am4cm_cli.scores import Observations, make_score
from am4cm_cli.scores.kernels import reached
from networks import tiny_model

SD = torch.tensor([0.8, 1.7])


def draw(seed, *, dates=7, pixels=5, dtype=np.uint16, hidden=0.2):
    """Snow, cloud and ground at random, on four bands; scale and offset change with the date."""
    rng = np.random.default_rng(seed)
    kinds = np.array([[0.04, 0.07, 0.3, 0.2], [0.5, 0.5, 0.5, 0.3], [0.8, 0.8, 0.7, 0.1]])
    reflectance = np.moveaxis(kinds[rng.choice(3, (dates, pixels), p=[0.6, 0.2, 0.2])], -1, 1)
    reflectance = reflectance + rng.normal(0, 0.01, reflectance.shape)
    offset = np.where(rng.random((dates, 1)) < 0.5, 0.0, -0.1) * np.ones(4)
    dn = ((reflectance - offset[..., None]) / 1e-4).clip(0).astype(dtype)
    return Observations(
        dn=torch.from_numpy(dn),
        valid=torch.from_numpy(rng.random((dates, pixels)) >= hidden),
        scale=torch.full((dates, 4), 1e-4),
        offset=torch.from_numpy(offset).float(),
    )


def beside(one, other):
    dn = torch.cat([one.dn, other.dn], dim=-1)
    valid = torch.cat([one.valid, other.valid], dim=-1)
    return Observations(dn=dn, valid=valid, scale=one.scale, offset=one.offset)


def bits(evidence):
    """NaN must be in the same places, too."""
    return torch.nan_to_num(evidence, nan=12345.0).contiguous().view(torch.int32)


def score_of(method, days):
    return make_score(method, fold(tiny_model()).to(torch.device("cpu"), torch.float32), SD, days)


def some_days(seed, dates):
    return np.sort(np.random.default_rng(seed).integers(17_000, 17_400, dates))


@given(seed=st.integers(0, 10**6), dtype=st.sampled_from([np.uint16, np.int16, np.float32]))
def test_sums_are_those_of_the_reflectance(seed, dtype):
    observations = draw(seed, dtype=dtype)
    weight, constant = torch.rand(3, 4), torch.rand(3)
    found = observations.project(weight, constant).masked_fill(~observations.valid[:, None], 0)
    expected = torch.einsum("sb,tbp->tsp", weight, observations.reflectance())
    expected = (expected + constant[:, None]).masked_fill(~observations.valid[:, None], 0)
    assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("method", ["counterfactual", "drop", "blue", "logit", "attention"])
def test_numbers_as_stored_score_as_their_reflectance(method):
    observations, days = draw(1), some_days(1, 7)
    reflectance = Observations.of_reflectance(observations.reflectance(), observations.valid)
    score = score_of(method, days)
    assert_allclose(score(observations), score(reflectance), atol=2e-4)


@pytest.mark.parametrize("method", ["counterfactual", "drop"])
@given(
    seed=st.integers(0, 10**6),
    dates=st.integers(1, 30),
    pixels=st.integers(1, 9),
    place=st.integers(0, 5000),
    others_hidden=st.sampled_from([0.0, 0.2]),
    own_hidden=st.sampled_from([0.0, 0.2]),
)
def test_an_answer_depends_on_no_other_pixel(
    method, seed, dates, pixels, place, others_hidden, own_hidden
):
    days = some_days(seed, dates)
    score = score_of(method, days)
    own = draw(seed, dates=dates, pixels=pixels, hidden=own_hidden)
    before = draw(seed + 1, dates=dates, pixels=place, hidden=others_hidden)
    after = draw(seed + 2, dates=dates, pixels=7, hidden=others_hidden)
    alone = score(own)
    # Scale and offset are those of the dates, so the others are seen with the own pixels'.
    among = score(beside(beside(own.at(torch.arange(0)), before), beside(own, after)))
    assert torch.equal(bits(among[..., place : place + pixels]), bits(alone))


@given(seed=st.integers(0, 10**6), dates=st.integers(2, 60), hidden=st.sampled_from([0.0, 0.2]))
def test_an_answer_depends_on_no_far_date(seed, dates, hidden):
    rng = np.random.default_rng(seed)
    days = np.sort(rng.integers(16_000, 17_500, dates))
    whole = draw(seed, dates=dates, hidden=hidden)
    gone = np.sort(rng.choice(dates, rng.integers(1, 4)))
    kept = np.setdiff1d(np.arange(dates), gone)
    if not len(kept):
        return
    fewer = Observations(
        **{name: getattr(whole, name)[kept] for name in ("dn", "valid", "scale", "offset")}
    )
    before = score_of("counterfactual", days)(whole)[:, kept]
    after = score_of("counterfactual", days[kept])(fewer)
    same = ~reached(days[kept], days[gone], 3, width=25.0)
    assert torch.equal(bits(before)[:, same], bits(after)[:, same])


def test_no_pixels_have_no_answers():
    assert score_of("counterfactual", some_days(0, 7))(draw(0, pixels=0)).shape == (4, 7, 0)


def test_what_is_not_valid_says_nothing_whatever_its_number():
    own, days = draw(3, hidden=0.4), some_days(3, 7)
    other = Observations(
        dn=torch.where(own.valid[:, None], own.dn.int(), 65535).to(torch.uint16),
        valid=own.valid,
        scale=own.scale,
        offset=own.offset,
    )
    score = score_of("counterfactual", days)
    assert torch.equal(bits(score(own)), bits(score(other)))
