"""Evidence joined: scores by hand, modes of known make."""

import numpy as np
import torch
from numpy.testing import assert_allclose

from am4cm_cli.scores.joint import TYPICAL_MODE, ClearMode, fit_mode, join

MODE = ClearMode(mean=(0.0, 0.01, 0.02, 0.03), sd=(0.1, 0.02, 0.04, 0.05))


def test_scores_are_counted_in_spreads_of_the_clear_mode():
    cloud = [0.5, 0.11, -0.18, -0.07]  # 5, 5, -5, -2
    shadow = [0.2, -0.01, 0.14, 0.28]  # 2, -1, 3, 5
    harvest = [0.0, 0.03, 0.22, -0.22]  # 0, 1, 5, -5
    evidence = torch.tensor([cloud, shadow, harvest]).T
    found_cloud, found_shadow = join(evidence, MODE)
    assert_allclose(found_cloud, np.array([10, 1, 1]) / 2**0.5, rtol=1e-5)
    assert_allclose(found_shadow, [-5, 3, -5], rtol=1e-5)


def test_no_answer_stays_none():
    cloud, shadow = join(torch.full((4, 3, 2), torch.nan), MODE)
    assert cloud.isnan().all()
    assert shadow.isnan().all()


def test_mode_is_that_of_the_clear_observations():
    rng = np.random.default_rng(0)
    mean, sd = np.array(TYPICAL_MODE.mean), np.array(TYPICAL_MODE.sd)
    mean, sd = mean + 0.5 * sd, sd * 1.2
    evidence = (mean[:, None] + sd[:, None] * rng.normal(size=(4, 20_000))).astype(np.float32)
    clear = np.arange(20_000) < 15_000
    evidence[:, ~clear] += 9
    found = fit_mode(evidence, clear)
    assert_allclose(found.mean, mean, atol=0.002)
    assert_allclose(found.sd, sd, rtol=0.03)


def test_a_mode_unlike_any_other_is_held_back():
    rng = np.random.default_rng(1)
    wild = rng.normal(1, 5, (4, 1000)).astype(np.float32)
    found = fit_mode(wild, np.ones(1000, bool))
    assert_allclose(found.sd, np.array(TYPICAL_MODE.sd) * 1.5)
    assert_allclose(found.mean, np.array(TYPICAL_MODE.mean) + TYPICAL_MODE.sd)


def test_without_clear_observations_the_mode_is_the_typical_one():
    assert fit_mode(np.ones((4, 9), np.float32), np.zeros(9, bool)) == TYPICAL_MODE
