"""Networks with a bend: against the network itself, the method written out, and folded twins."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from am4cm_cli.attention import FoldedAttention, fold
from am4cm_cli.days import day_of_year
from am4cm_cli.errors import WeightsError
from am4cm_cli.models import MODEL_NAMES
from am4cm_cli.nonlinear import NonlinearAttention, read_attention
from am4cm_cli.scores import METHODS, Observations, head_scores, make_score
from am4cm_cli.scores.kernels import day_kernel
from am4cm_cli.serving import explained_share
from am4cm_cli.weights import Calibration, Weights
from networks import mlp_twin, settled

BENT = ("mlp", "compat-9k", "compat-34k")
LINEAR = ("ltae", "9k", "34k", "112k", "288k")
BANDS = ("B02", "B03", "B04", "B08", "B8A", "B11", "B12")
DAYS = np.array([17_500, 17_507, 17_520, 17_541, 17_541, 17_560, 17_700, 17_790, 17_800])
DATES, PIXELS = len(DAYS), 5
CPU = torch.device("cpu")


def seen(seed, *, bands, pixels=PIXELS, brightest=0.6):
    """Observations in float64, a fifth of them not valid."""
    generator = torch.Generator().manual_seed(seed)
    valid = torch.rand(DATES, pixels, generator=generator) > 0.2
    reflectance = torch.rand(DATES, bands, pixels, generator=generator, dtype=torch.float64)
    return Observations.of_reflectance(
        torch.where(valid[:, None], reflectance * brightest, 0.0), valid
    )


def spread(heads):
    return torch.linspace(0.7, 1.9, heads, dtype=torch.float64)


@torch.no_grad()
def own_logits(model, reflectance, days):
    """(H, T, P) by the network's own layers, one date of (T, B, P) reflectance at a time."""
    dates, bands, pixels = reflectance.shape
    series = reflectance.transpose(1, 2).reshape(dates * pixels, 1, bands)
    day = days[:, None].expand(dates, pixels).reshape(-1, 1)
    # A series with a slot for each of several dates shows the same date in all of them.
    logits = model.observed_logits(series, day, torch.ones(day.shape, dtype=torch.bool))
    heads = len(logits)
    return logits.view(heads, dates, pixels, -1)[..., 0]


@pytest.mark.parametrize("name", BENT)
@settings(max_examples=10)
@given(seed=st.integers(0, 10**6))
def test_logits_are_the_networks_own(name, seed):
    model = settled(name, seed)
    attention = read_attention(model)
    assert isinstance(attention, NonlinearAttention)
    generator = torch.Generator().manual_seed(seed)
    reflectance = torch.rand(6, 4, 3, generator=generator, dtype=torch.float64) * 1.5
    days = torch.randint(1, 366, (6,), generator=generator).double()
    expected = own_logits(model, reflectance, days)
    torch.testing.assert_close(attention.logits(reflectance, days), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", MODEL_NAMES)
def test_only_models_whose_dates_know_nothing_of_one_another_are_read(name):
    # The second way: change one date of a series, and see whether the others' logits stay.
    model = settled(name)
    dates = getattr(model.config, "dates", 5)
    day = torch.arange(1.0, dates + 1, dtype=torch.float64)[None] * 7
    valid = torch.ones(1, dates, dtype=torch.bool)
    one = torch.rand(1, dates, 4, dtype=torch.float64)
    other = one.clone()
    other[:, 0] += 0.3
    with torch.no_grad():
        changed = model.observed_logits(one, day, valid) - model.observed_logits(other, day, valid)
    apart = bool(changed[:, 1:].abs().max() < 1e-9)
    if apart:
        assert read_attention(model).bands == model.config.bands
    else:
        with pytest.raises(WeightsError, match=r"^mine: .*all dates of a series together.*--model"):
            read_attention(model, name="mine")


@pytest.mark.parametrize("name", LINEAR)
@settings(max_examples=10)
@given(seed=st.integers(0, 10**6), order=st.permutations(BANDS), count=st.integers(1, 7))
def test_folded_logits_are_the_networks_own_on_any_bands_in_any_order(name, seed, order, count):
    model = settled(name, seed, bands=BANDS)
    generator = torch.Generator().manual_seed(seed)
    covariance = torch.cov(torch.rand(7, 40, generator=generator, dtype=torch.float64))
    kept, gone = ([BANDS.index(band) for band in part] for part in (order[:count], order[count:]))
    shown = torch.rand(6, count, 3, generator=generator, dtype=torch.float64)
    # The second way: the other bands by regression, then the network on all of them.
    mean = model.mean[:, None]
    slope = torch.linalg.solve(covariance[kept][:, kept], covariance[kept][:, gone]).T
    reflectance = torch.empty(6, 7, 3, dtype=torch.float64)
    reflectance[:, kept] = shown
    reflectance[:, gone] = mean[gone] + slope @ (shown - mean[kept])
    days = torch.randint(1, 366, (6,), generator=generator).double()
    folded = read_attention(model).on_bands(tuple(order[:count]), covariance)
    assert isinstance(folded, FoldedAttention)
    expected = own_logits(model, reflectance, days)
    torch.testing.assert_close(folded.logits(shown, days), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", LINEAR)
@settings(max_examples=10)
@given(seed=st.integers(0, 10**6), order=st.permutations(BANDS), count=st.integers(2, 7))
def test_a_network_that_is_linear_after_all_scores_as_folded(name, seed, order, count):
    model = settled(name, seed, bands=BANDS)
    sd = spread(model.config.heads)
    generator = torch.Generator().manual_seed(seed)
    covariance = torch.cov(torch.rand(7, 40, generator=generator, dtype=torch.float64))
    kept = tuple(order[:count])
    whole, bent = fold(model), read_attention(mlp_twin(model))
    observed = seen(seed, bands=count)
    for method in ("counterfactual", "drop"):
        expected, found = (
            make_score(method, attention.on_bands(kept, covariance), sd, DAYS)(observed)
            for attention in (whole, bent)
        )
        torch.testing.assert_close(found, expected, atol=1e-8, rtol=1e-7, equal_nan=True)


@pytest.mark.parametrize("name", BENT)
@settings(max_examples=10)
@given(seed=st.integers(0, 10**6))
def test_the_clear_sky_is_shown_to_the_network_itself(name, seed):
    model = settled(name, seed)
    sd = spread(model.config.heads)
    observed = seen(seed, bands=4, brightest=0.09)  # too dark a green for snow
    found = make_score("counterfactual", read_attention(model), sd, DAYS)(observed).numpy()
    x, valid = observed.dn, observed.valid.numpy()
    day, kernel = torch.from_numpy(day_of_year(DAYS)).double(), day_kernel(DAYS, width=25.0)

    def respond(reflectance):
        return (own_logits(model, reflectance, day) / sd[:, None, None]).mean(0).numpy()

    mean = model.mean.double()[None, :, None].expand(DATES, -1, PIXELS)
    drop = respond(mean) - respond(x)
    for _ in range(3):
        trust = np.where(valid & ~np.isnan(drop), np.exp(np.clip(-5 * drop, -60, 60)), 0)
        weight = kernel[:, :, None] * trust
        with np.errstate(invalid="ignore"):
            clear = np.einsum("tsp,sbp->tbp", weight, x.numpy()) / weight.sum(1)[:, None]
        drop = respond(torch.from_numpy(clear)) - respond(x)
    up = x.numpy() - clear
    expected = np.stack([drop, up[:, 0], -up[:, 2], -up[:, 3]])
    assert_allclose(found, np.where(valid, expected, np.nan), atol=1e-7)


@pytest.mark.parametrize("name", BENT)
def test_a_pixels_answer_is_the_same_wherever_it_stands(name):
    attention = read_attention(settled(name)).to(CPU, torch.float32)
    score = make_score("counterfactual", attention, spread(len(attention.bias)), DAYS)
    observed = seen(3, bands=4, pixels=2100)
    observed = Observations.of_reflectance(observed.dn.float(), observed.valid)
    whole = score(observed)
    order = torch.randperm(2100, generator=torch.Generator().manual_seed(1))
    assert_array_equal(score(observed.at(order)), whole[..., order])
    assert_array_equal(score(observed.at(order[:7])), whole[..., order[:7]])


def test_dates_far_away_change_no_bit():
    attention = read_attention(settled("mlp")).to(CPU, torch.float32)
    sd, observed = spread(len(attention.bias)), seen(4, bands=4)
    x, valid = observed.dn.float(), observed.valid
    before = make_score("counterfactual", attention, sd, DAYS)(
        Observations.of_reflectance(x, valid)
    )
    more = np.concatenate([DAYS[:3] - 1000, DAYS, DAYS[-2:] + 1000])
    wider = torch.cat([x[:3], x, x[:2]]), torch.cat([valid[:3], valid, valid[:2]])
    after = make_score("counterfactual", attention, sd, more)(Observations.of_reflectance(*wider))
    assert_array_equal(after[:, 3:-2], before)


@pytest.mark.parametrize("name", BENT)
def test_missing_bands_are_guessed_by_regression(name):
    model = settled(name)
    spectra = torch.rand(50, 4, dtype=torch.float64) @ torch.rand(4, 4, dtype=torch.float64)
    centred = spectra - spectra.mean(0)
    slope = torch.linalg.lstsq(centred[:, :2], centred[:, 2:]).solution
    guessed = torch.cat([centred[:, :2], centred[:, :2] @ slope], 1) + spectra.mean(0)
    days = torch.arange(1.0, 51, dtype=torch.float64)
    whole = replace(read_attention(model), mean=spectra.mean(0))
    part = whole.on_bands(("B03", "B02"), torch.cov(spectra.T))
    expected = own_logits(model, guessed[..., None], days)
    found = part.logits(spectra[:, [1, 0], None], days)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("seed", range(4))
def test_the_share_told_by_fewer_bands_is_that_of_the_folded_twin(seed):
    model = settled("9k", seed)
    covariance = torch.cov(torch.rand(4, 9, dtype=torch.float64)) * 0.01
    calibration = Calibration(
        logit_sd=tuple(spread(8).tolist()), band_covariance=tuple(map(tuple, covariance.tolist()))
    )
    shares = []
    for one, whole in ((model, fold(model)), (twin := mlp_twin(model), read_attention(twin))):
        weights = Weights(model=one, calibration=calibration, record={})
        served = whole.on_bands(("B03", "B08"), covariance)
        shares.append(explained_share(served, whole, weights))
        assert explained_share(whole, whole, weights) == pytest.approx(1)
    assert shares[1] == pytest.approx(shares[0], abs=0.01)


@pytest.mark.parametrize("method", ["logit", "attention"])
def test_raw_scores_are_those_of_the_twin_and_of_the_network(method):
    model = settled("mlp")
    attention, observed = read_attention(model), seen(5, bands=4)
    found = make_score(method, attention, spread(16), DAYS)(observed)[0]
    day = torch.from_numpy(day_of_year(DAYS)).double()
    logits = own_logits(model, observed.dn, day).masked_fill(~observed.valid, torch.nan).numpy()
    if method == "logit":
        centred = logits - np.nanmean(logits, axis=1, keepdims=True)
        expected = -(centred / np.nanstd(logits, axis=1, keepdims=True)).mean(0)
    else:
        shares = np.exp(logits) / np.nansum(np.exp(logits), axis=1, keepdims=True)
        expected = -np.log(shares.mean(0) * observed.valid.sum(0).numpy())
    assert_allclose(found, expected, atol=1e-9)


def test_each_head_alone_is_a_network_with_that_head():
    model = mlp_twin(settled("9k"))
    attention, observed = read_attention(model), seen(6, bands=4)
    sd = spread(8)
    for head, score in enumerate(head_scores(attention, sd, DAYS)):
        alone = replace(attention, weight=attention.weight[[head]])
        expected = make_score("drop", alone, sd[[head]], DAYS)(observed)
        torch.testing.assert_close(score(observed), expected, equal_nan=True)


@pytest.mark.parametrize("method", METHODS)
def test_nothing_is_answered_where_nothing_was_seen(method):
    attention, observed = read_attention(settled("mlp")), seen(7, bands=4)
    found = make_score(method, attention, spread(16), DAYS)(observed)
    assert found[:, ~observed.valid].isnan().all()
    assert found[:, observed.valid].isfinite().any()
