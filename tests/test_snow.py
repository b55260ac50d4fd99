"""Snow that lasts is ground; an ice cloud that passes is not."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from am4cm_cli.scores.observations import Observations
from am4cm_cli.scores.snow import (
    SnowBands,
    SnowFinder,
    lasting_snow,
    looks_like_snow,
    near_dates,
    snow_bands,
)

BANDS = SnowBands(green=0, nir=1, swir=2)
DAYS = np.array([0, 10, 20, 55, 60])
SNOW, FIELD = torch.tensor([0.8, 0.7, 0.1]), torch.tensor([0.07, 0.3, 0.2])


def stack(*kinds):
    return torch.stack(kinds)[..., None], torch.ones(len(kinds), 1, dtype=torch.bool)


def found(reflectance, valid, days=DAYS):
    near = torch.from_numpy(near_dates(days))
    return lasting_snow(reflectance, valid, BANDS, near)[:, 0].tolist()


def test_snow_of_two_dates_lasts():
    assert found(*stack(SNOW, SNOW + 0.05, FIELD, FIELD, FIELD)) == [
        True,
        True,
        False,
        False,
        False,
    ]


def test_snow_of_one_date_may_be_a_cloud():
    assert not any(found(*stack(SNOW, FIELD, FIELD, FIELD, FIELD)))


def test_two_ice_clouds_differ_in_brightness():
    assert not any(found(*stack(SNOW, SNOW - 0.1, FIELD, FIELD, FIELD)))


def test_snow_a_season_apart_does_not_vouch():
    assert not any(found(*stack(SNOW, FIELD, FIELD, SNOW, FIELD)))


def test_two_scenes_of_one_day_do_not_vouch():
    days = np.array([0, 0, 20, 55, 60])
    assert not any(found(*stack(SNOW, SNOW, FIELD, FIELD, FIELD), days))


@pytest.mark.parametrize(
    ("pixel", "snowy"),
    [
        ([0.8, 0.7, 0.1], True),
        ([0.8, 0.7, 0.4], False),  # NDSI 1/3: a water cloud
        ([0.12, 0.05, 0.01], False),  # NIR too dark: water
        ([0.09, 0.3, 0.01], False),  # green too dark
    ],
)
def test_what_looks_like_snow(pixel, snowy):
    assert found_look(pixel) == snowy


def found_look(pixel):
    one = torch.tensor(pixel)[None, :, None]
    return bool(looks_like_snow(one, torch.ones(1, 1, dtype=torch.bool), BANDS))


@given(seed=st.integers(0, 10**6))
def test_lasting_is_every_pair_by_pair(seed):
    rng = np.random.default_rng(seed)
    choice = rng.integers(0, 3, (5, 7))
    kinds = np.array([[0.8, 0.7, 0.1], [0.83, 0.72, 0.12], [0.5, 0.5, 0.1]])
    x = np.moveaxis(kinds[choice], -1, 1)
    valid = rng.random((5, 7)) > 0.3
    near = near_dates(DAYS)
    expected = np.zeros((5, 7), bool)
    for t in range(5):
        for s in range(5):
            alike = np.abs(x[t] - x[s]).max(0) < 0.06
            expected[t] |= near[t, s] & valid[t] & valid[s] & alike
    tensors = torch.from_numpy(x), torch.from_numpy(valid)
    assert (lasting_snow(*tensors, BANDS, torch.from_numpy(near)).numpy() == expected).all()


def test_bands_are_missed():
    assert snow_bands(("B02", "B03", "B08", "B11")) == SnowBands(green=1, nir=2, swir=3)
    assert snow_bands(("B02", "B03", "B04", "B08")) is None
    assert snow_bands(("B02", "B04", "B08", "B11")) is None


@given(
    seed=st.integers(0, 10**6),
    brightest=st.sampled_from([0.2, 0.5, 1.0]),
    most=st.sampled_from([7, 1024]),
)
def test_the_quick_tests_miss_no_snow(seed, brightest, most):
    rng = np.random.default_rng(seed)
    pixel = rng.uniform(-0.2, brightest, (1, 3, 200))
    pixel = pixel * [[[1], [1], [rng.uniform(-0.5, 1)]]]
    reflectance = torch.from_numpy(np.repeat(pixel, 5, axis=0)) + torch.rand(5, 3, 200) * 0.05
    valid = torch.from_numpy(rng.random((5, 200)) > 0.3)
    observations = Observations.of_reflectance(reflectance, valid)
    finder = SnowFinder.of(BANDS, DAYS, 3).to(reflectance)
    drops = torch.ones(5, 2, 200)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("am4cm_cli.scores.snow.MOST_PIXELS", most)
        finder.clear(drops, observations, observations.project(finder.weight, finder.constant))
    snow = lasting_snow(reflectance, valid, BANDS, finder.near)
    assert torch.equal(drops == 0, snow[:, None].expand(5, 2, 200))
