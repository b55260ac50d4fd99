"""Probabilities from the table against the formula."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from am4cm_cli.calibration import AS_IT_IS, Mixture, Recalibration, cloud_probability
from am4cm_cli.probabilities import STEPS, in_percent, tabulate, tabulate_least

CPU = torch.device("cpu")


def exact(scores, mixture, line):
    return line(cloud_probability(scores, mixture))


@given(
    mean=st.floats(-1, 1),
    sd=st.floats(0.02, 2),
    scale=st.floats(0.5, 20),
    share=st.floats(0.01, 0.99),
    intercept=st.floats(-2, 2),
)
def test_the_table_is_the_formula(mean, sd, scale, share, intercept):
    mixture = Mixture(clear_mean=mean, clear_sd=sd, cloud_scale=sd * scale, cloud_share=share)
    line = Recalibration(intercept=intercept)
    scores = mean + sd * torch.linspace(-40, 80, 5001)
    found = tabulate(mixture, line, CPU).look_up(scores)
    expected = exact(scores.double(), mixture, line).float()
    assert_allclose(found, expected, atol=5e-4)
    percent = in_percent(tabulate(mixture, line, CPU)).look_up(scores)
    assert torch.equal(percent, (found * 100).round().to(torch.uint8))
    differ = percent != (expected * 100).round()
    tied = ((expected * 100) % 1 - 0.5).abs() < 0.05
    assert (tied | ~differ).all()


def test_scores_at_a_step_are_exact():
    mixture = Mixture(clear_mean=0.25, clear_sd=0.5, cloud_scale=6.0, cloud_share=0.4)
    scores = 0.25 + 0.5 * torch.arange(-3 * STEPS, 5 * STEPS, 97) / STEPS
    found = tabulate(mixture, AS_IT_IS, CPU).look_up(scores)
    assert_allclose(found, exact(scores.double(), mixture, AS_IT_IS), atol=1e-7)


def test_no_score_has_no_probability():
    mixture = Mixture(clear_mean=0.0, clear_sd=1.0, cloud_scale=12.0, cloud_share=0.4)
    scores = torch.tensor([[torch.nan, 0.0, torch.inf], [-torch.inf, torch.nan, 3e38]])
    found = tabulate(mixture, AS_IT_IS, CPU).look_up(scores).numpy()
    assert (np.isnan(found) == scores.isnan().numpy()).all()
    assert_allclose(found[[0, 1], 2], 1)
    percent = in_percent(tabulate(mixture, AS_IT_IS, CPU)).look_up(scores)
    assert ((percent == 255) == scores.isnan()).all()


def test_the_least_of_two_is_that_of_their_formulas():
    narrow = Mixture(clear_mean=-0.2, clear_sd=1.2, cloud_scale=20, cloud_share=0.4)
    wide = Mixture(clear_mean=0.3, clear_sd=0.9, cloud_scale=19, cloud_share=0.45)
    line = Recalibration(slope=0.8, intercept=0.3)
    scores = torch.linspace(-20, 30, 3001)
    found = tabulate_least((narrow, AS_IT_IS), (wide, line), CPU).look_up(scores)
    both = [
        exact(scores.double(), mixture, own) for mixture, own in ((narrow, AS_IT_IS), (wide, line))
    ]
    assert (both[0] < both[1]).any()
    assert (both[0] > both[1]).any()
    assert_allclose(found, torch.minimum(*both), atol=5e-4)
