"""The mixture against scipy's densities, Bayes' rule and samples of known make."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.stats import exponnorm, norm

from am4cm_cli.calibration import (
    DROP_PRIOR,
    Mixture,
    cloud_probability,
    fit_mixture,
    loose_prior,
)

MIXTURE = Mixture(clear_mean=-0.02, clear_sd=0.05, cloud_scale=0.6, cloud_share=0.3)


def sample(mixture, size=40_000, seed=0):
    rng = np.random.default_rng(seed)
    cloudy = rng.random(size) < mixture.cloud_share
    noise = rng.normal(mixture.clear_mean, mixture.clear_sd, size)
    return noise + cloudy * rng.exponential(mixture.cloud_scale, size), cloudy


def test_probability_is_bayes_rule_on_scipys_densities():
    scores = np.linspace(-0.3, 3, 200)
    clear = norm.pdf(scores, MIXTURE.clear_mean, MIXTURE.clear_sd)
    ratio = MIXTURE.cloud_scale / MIXTURE.clear_sd
    cloud = exponnorm.pdf(scores, ratio, loc=MIXTURE.clear_mean, scale=MIXTURE.clear_sd)
    expected = 0.3 * cloud / (0.3 * cloud + 0.7 * clear)
    found = cloud_probability(torch.from_numpy(scores), MIXTURE)
    assert_allclose(found, expected, atol=1e-9)


@given(
    mean=st.floats(-1, 1),
    sd=st.floats(0.01, 1),
    scale=st.floats(0.05, 5),
    share=st.floats(0.01, 0.99),
)
def test_probability_never_falls_as_the_score_rises(mean, sd, scale, share):
    mixture = Mixture(clear_mean=mean, clear_sd=sd, cloud_scale=scale, cloud_share=share)
    scores = mean + sd * torch.linspace(-8, 60, 2000)
    probability = cloud_probability(scores, mixture)
    assert (probability.diff() >= -1e-4).all()  # float32, as used on tiles
    assert ((probability >= 0) & (probability <= 1)).all()


def test_no_score_gives_no_probability():
    assert cloud_probability(torch.tensor([torch.nan]), MIXTURE).isnan().all()


@pytest.mark.parametrize("prior", [DROP_PRIOR, None])
def test_fit_finds_the_mixture_that_made_the_sample(prior):
    scores, _ = sample(MIXTURE)
    found = fit_mixture(scores, dates=100, prior=prior or loose_prior(scores))
    assert found.clear_mean == pytest.approx(MIXTURE.clear_mean, abs=0.005)
    assert found.clear_sd == pytest.approx(MIXTURE.clear_sd, rel=0.1)
    assert found.cloud_scale == pytest.approx(MIXTURE.cloud_scale, rel=0.1)
    assert found.cloud_share == pytest.approx(MIXTURE.cloud_share, abs=0.03)


def test_probabilities_are_calibrated():
    scores, cloudy = sample(MIXTURE)
    mixture = fit_mixture(scores, dates=100, prior=DROP_PRIOR)
    probability = cloud_probability(torch.from_numpy(scores), mixture).numpy()
    for low in np.arange(0, 1, 0.2):
        inside = (probability >= low) & (probability < low + 0.2)
        assert abs(probability[inside].mean() - cloudy[inside].mean()) < 0.05


def test_a_year_without_clouds_stays_clear():
    scores = np.random.default_rng(1).normal(-0.01, 0.05, 20_000)
    mixture = fit_mixture(scores, dates=30, prior=DROP_PRIOR)
    flagged = (cloud_probability(torch.from_numpy(scores), mixture) >= 0.5).double().mean()
    assert flagged < 0.02


def test_few_dates_lean_on_the_prior():
    wide = np.random.default_rng(2).normal(0, 0.3, 5000)
    few = fit_mixture(wide, dates=1, prior=DROP_PRIOR).clear_sd
    many = fit_mixture(wide, dates=1000, prior=DROP_PRIOR).clear_sd
    assert DROP_PRIOR.centre.clear_sd < few < many
