"""The attention drop against the method section, written out slowly."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from am4cm_cli.attention import fold, spectral_index
from am4cm_cli.days import day_of_year
from am4cm_cli.scores import Observations, make_score
from am4cm_cli.scores.counterfactual import CounterfactualConfig, TrustedDates, hide
from am4cm_cli.scores.kernels import DayKernel
from networks import tiny_model

DAYS = np.array([0, 10, 20, 90, 95, 130])


def random_stack(seed, dates=6, pixels=4):
    generator = torch.Generator().manual_seed(seed)
    reflectance = torch.rand(dates, 4, pixels, generator=generator, dtype=torch.float64)
    valid = torch.rand(dates, pixels, generator=generator) > 0.25
    return torch.where(valid[:, None], reflectance, 0.0), valid


def test_departures_by_hand():
    index = torch.tensor([[1.0], [4.0], [7.0]])
    trust = torch.tensor([[1.0], [0.5], [0.0]])
    kernel = DayKernel.of(np.array([0, 25, 50]), width=25.0).to(index)
    near, far = np.exp(-0.5), np.exp(-2.0)
    first = near * 0.5 * 4 / (near * 0.5)
    second = near * 1 / near
    third = (far * 1 * 1 + near * 0.5 * 4) / (far * 1 + near * 0.5)
    room = torch.stack([torch.zeros_like(trust), trust], dim=1)
    dates = TrustedDates(kernel=kernel, seen=None, room=room)
    found = dates.departures(index[:, None])[:, 0]
    assert_allclose(found, [[1 - first], [4 - second], [7 - third]], rtol=1e-6)


def slow_drop(model, logit_sd, reflectance, days, valid, config):
    """Sections 1.1 to 1.5 of the method on one pixel, head by head and date by date, in float64.

    Clear-sky spectra go through the network itself, not through an index.
    """
    dates = range(len(days))
    doy = torch.from_numpy(day_of_year(days)).double()

    def logits(spectra):  # (T, B) to (H, T)
        seen = torch.ones(1, len(days), dtype=torch.bool)
        return model.attention_logits(model.embed(spectra[None], doy[None], seen))[:, 0]

    observed = logits(reflectance)
    # Trust at first is by the index alone: its date term would carry phenology in.
    index = reflectance @ spectral_index(fold(model), logit_sd)
    drop = index[valid].mean() - index
    for _ in range(config.rounds):
        clear = torch.zeros_like(reflectance)
        for t in dates:
            total = 0.0
            for s in dates:
                if s != t and valid[s] and abs(days[t] - days[s]) <= 3 * config.width:
                    k = np.exp(-0.5 * ((days[t] - days[s]) / config.width) ** 2)
                    weight = k * torch.exp(-config.sharpness * drop[s])
                    clear[t] += weight * reflectance[s]
                    total += weight
            clear[t] = clear[t] / total if total else torch.nan
        drop = ((logits(clear) - observed) / logit_sd[:, None]).mean(0)
    return torch.where(valid, drop, torch.nan)


@given(seed=st.integers(0, 10**6))
def test_drop_is_the_method_written_out(seed):
    model = tiny_model(seed).double()
    reflectance, valid = random_stack(seed)
    logit_sd = torch.tensor([0.8, 1.7], dtype=torch.float64)
    score = make_score("drop", fold(model), logit_sd, DAYS)
    (found,) = score(Observations.of_reflectance(reflectance, valid))
    for p in range(reflectance.shape[-1]):
        with torch.no_grad():
            args = reflectance[..., p], DAYS, valid[:, p], CounterfactualConfig()
            expected = slow_drop(model, logit_sd, *args)
        assert_allclose(found[:, p], expected, atol=1e-5)


def drop_of(index, valid, days):
    return index_drop(index, valid.to(index), DayKernel.of(days, width=25.0).to(index))


def index_drop(index, seen, kernel):
    config = CounterfactualConfig()
    fit = config.sharpness * index
    dates = TrustedDates.settle(fit, seen, kernel, rounds=config.rounds)
    return hide(dates.departures(-index[:, None])[:, 0], seen)


@given(seed=st.integers(0, 10**6), places=st.lists(st.integers(0, 6), min_size=1, max_size=4))
def test_invalid_dates_change_no_answer(seed, places):
    reflectance, valid = random_stack(seed)
    index = reflectance[:, 0]
    before = drop_of(index, valid, DAYS)
    kept = torch.ones(len(DAYS), dtype=torch.bool)
    days = DAYS.copy()
    for place in places:  # insert whole dates that show nothing
        index = torch.cat([index[:place], torch.full((1, 4), 0.7), index[place:]])
        valid = torch.cat([valid[:place], torch.zeros(1, 4, dtype=torch.bool), valid[place:]])
        kept = torch.cat([kept[:place], torch.tensor([False]), kept[place:]])
        days = np.insert(days, place, days[max(place - 1, 0)])
    assert_allclose(drop_of(index, valid, days)[kept], before, atol=1e-12)


@given(seed=st.integers(0, 10**6), shift=st.floats(-2, 2))
def test_a_brighter_world_has_the_same_drops(seed, shift):
    reflectance, valid = random_stack(seed)
    index = reflectance[:, 0]
    assert_allclose(drop_of(index + shift, valid, DAYS), drop_of(index, valid, DAYS), atol=1e-9)


def test_one_cloud_over_still_ground_drops_by_its_depth():
    index = torch.full((8, 1), 0.4, dtype=torch.float64)
    index[3] -= 1.5
    drop = drop_of(index, torch.ones(8, 1, dtype=torch.bool), np.arange(8) * 10)
    expected = np.zeros((8, 1))
    expected[3] = 1.5
    # Neighbours hardly trust the cloud: by exp(-5 * 1.5).
    assert_allclose(drop, expected, atol=1e-3)


def test_a_date_without_neighbours_has_no_answer():
    index = torch.rand(4, 1, dtype=torch.float64)
    drop = drop_of(index, torch.ones(4, 1, dtype=torch.bool), np.array([0, 5, 10, 200]))
    assert drop.isnan().flatten().tolist() == [False, False, False, True]


def test_overcast_months_keep_an_answer():
    # Trust of dates 20 below the best underflows in float32 unless it is kept apart from 0.
    index = torch.tensor([0.0, 0.1, -20, -21, -22, -20.5]).reshape(-1, 1)
    kernel = DayKernel.of(np.array([0, 5, 100, 105, 110, 115]), width=25.0).to(index)
    drop = index_drop(index, None, kernel)
    assert drop.isfinite().all()
