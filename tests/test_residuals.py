"""What departs from the clear sky: against the method written out, and by hand."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from am4cm_cli.attention import fold, spectral_index
from am4cm_cli.scores import CounterfactualConfig, Observations, make_score
from am4cm_cli.scores.counterfactual import TrustedDates
from am4cm_cli.scores.kernels import DayKernel, day_kernel
from am4cm_cli.scores.residuals import parts_of
from networks import tiny_model

NIR, SWIR = 2, 3  # of the tiny model's bands
SD = torch.tensor([0.8, 1.7], dtype=torch.float64)
DAYS = np.array([17_500, 17_507, 17_520, 17_541, 17_560, 17_700])


def a_stack(seed):
    rng = np.random.default_rng(seed)
    valid = rng.random((6, 4)) > 0.2
    reflectance = rng.random((6, 4, 4)) * 0.09  # too dark a green for snow
    return torch.from_numpy(np.where(valid[:, None], reflectance, 0)), torch.from_numpy(valid)


@given(seed=st.integers(0, 10**6))
def test_all_parts_are_measured_against_one_clear_sky(seed):
    attention = fold(tiny_model(seed).double())
    reflectance, valid = a_stack(seed)
    found = make_score("counterfactual", attention, SD, DAYS)(
        Observations.of_reflectance(reflectance, valid)
    ).numpy()
    index = torch.einsum("b,tbp->tp", spectral_index(attention, SD), reflectance)
    kernel = day_kernel(DAYS, width=25.0)
    config, cut = CounterfactualConfig(), DayKernel.of(DAYS, width=25.0).to(index)
    fit = config.sharpness * index
    trust = TrustedDates.settle(fit, valid.to(index), cut, rounds=config.rounds).trust.numpy()
    x = reflectance.numpy()
    for t, p in np.argwhere(valid.numpy()):
        weight = kernel[t] * trust[:, p]
        if weight.sum() == 0:
            assert np.isnan(found[:, t, p]).all()
            continue
        clear = (weight[:, None] * x[:, :, p]).sum(0) / weight.sum()
        up = x[t, :, p] - clear
        assert_allclose(found[0, t, p], -up @ spectral_index(attention, SD).numpy(), atol=1e-9)
        assert_allclose(found[1:, t, p], [up[0], -up[NIR], -up[SWIR]], atol=1e-9)
    assert np.isnan(found[:, ~valid.numpy()]).all()


@pytest.mark.parametrize(
    ("bands", "names"),
    [
        (("B02", "B03", "B04", "B08", "B8A", "B11", "B12"), ("B02", "B8A", "B11")),
        (("B02", "B03", "B04", "B08"), ("B02", "B08", "B03")),
        (("B03", "B04", "B08", "B12"), ("B03", "B08", "B12")),
        (("B05", "B06", "B12"), ("B05", "B06", "B12")),
    ],
)
def test_the_best_bands_at_hand_are_taken(bands, names):
    assert tuple(bands[place] for place in parts_of(bands)) == names


def test_the_control_is_the_blue_alone():
    attention = fold(tiny_model().double())
    reflectance, valid = a_stack(4)
    score = make_score("blue", attention, SD, DAYS)
    before = score(Observations.of_reflectance(reflectance, valid))
    other = reflectance.clone()
    other[:, 1:] *= 0.5
    after = score(Observations.of_reflectance(other, valid))
    assert_allclose(after, before)
    still = torch.full((6, 4, 1), 0.1, dtype=torch.float64)
    still[2, 0] = 0.39
    drop = score(Observations.of_reflectance(still, torch.ones(6, 1, dtype=torch.bool)))
    assert_allclose(drop[0, 2, 0], 0.29 / 0.29)
