"""Evidence joined before it is measured, against evidence measured and then joined."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from am4cm_cli.attention import fold
from am4cm_cli.calibration import Mixture, Recalibration
from am4cm_cli.judgement import JointJudge
from am4cm_cli.scores import Observations, make_score
from am4cm_cli.scores.joint import TYPICAL_MODE
from cloudy import bright_weights

JUDGE = JointJudge(
    mode=TYPICAL_MODE,
    cloud=Mixture(clear_mean=-0.2, clear_sd=1.2, cloud_scale=20, cloud_share=0.4),
    unusable=Mixture(clear_mean=0.3, clear_sd=0.9, cloud_scale=19, cloud_share=0.45),
    recalibrated_cloud=Recalibration(),
    recalibrated_unusable=Recalibration(),
)


def seen(*, all_valid):
    """Ground with clouds, shadows and snow that stays."""
    rng = np.random.default_rng(1)
    reflectance = rng.uniform(0.02, 0.4, (12, 10, 50)).astype(np.float32)
    reflectance[4:6, :, :9] = 0.8
    reflectance[4:6, -2:, :9] = 0.05
    reflectance[7, :, 9:30] *= 0.2
    valid = np.ones((12, 50), bool) if all_valid else rng.random((12, 50)) > 0.2
    reflectance = np.where(valid[:, None], reflectance, np.float32(0))
    return Observations.of_reflectance(torch.from_numpy(reflectance), torch.from_numpy(valid))


@pytest.fixture(scope="module")
def score():
    weights = bright_weights()
    attention = fold(weights.model).to(torch.device("cpu"), torch.float32)
    days = np.arange(17_500, 17_500 + 12 * 9, 9)
    return make_score("counterfactual", attention, torch.tensor(weights.calibration.logit_sd), days)


@pytest.mark.parametrize("all_valid", [True, False])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_sums_of_drops_are_drops_of_sums(score, count, all_valid):
    pixels = seen(all_valid=all_valid)
    expected = JUDGE.planes(score(pixels))[:count]
    found = JUDGE.view(score, count)(pixels)
    assert found.shape == expected.shape
    assert_allclose(found, expected, rtol=1e-4, atol=1e-3)
    assert expected[0].isnan().any() != all_valid


def test_a_cloud_is_never_surer_than_what_is_unusable():
    planes = torch.linspace(-6, 9, 3 * 5 * 6 * 7).reshape(3, 5, 6, 7).flip(2)
    judged = JUDGE(planes)
    assert (judged.cloud <= judged.unusable + 5e-4).all()
    for target in ("cloud", "unusable"):
        share = judged.probability(target)
        assert torch.equal(JUDGE.probability(planes, target), share)
        assert torch.equal(JUDGE.percent(planes, target), (100 * share).round().to(torch.uint8))
