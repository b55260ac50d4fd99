"""Judgements by hand: which class, which probability, and none where there is no answer."""

import json
from dataclasses import asdict

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from am4cm_cli.calibration import Mixture, Recalibration, cloud_probability
from am4cm_cli.judgement import JointJudge, SingleJudge, fit_judge, judge_from
from am4cm_cli.scores.joint import TYPICAL_MODE
from am4cm_cli.weights import Calibration

MIXTURE = Mixture(clear_mean=0, clear_sd=1, cloud_scale=12, cloud_share=0.4)
CALIBRATION = Calibration(logit_sd=(1.0,), band_covariance=((1.0,),))


def judge(**changed):
    made = {
        "mode": TYPICAL_MODE,
        "cloud": MIXTURE,
        "unusable": MIXTURE,
        "recalibrated_cloud": Recalibration(),
        "recalibrated_unusable": Recalibration(),
    }
    return JointJudge(**made | changed)


def judged(one, evidence):
    return one(one.planes(evidence))


def scene(drop, blue, nir, swir):
    """Evidence (4, 1, 3, 5) of one kind, in spreads of the clear mode."""
    spreads = torch.tensor([drop, blue, nir, swir])
    values = torch.tensor(TYPICAL_MODE.mean) + spreads * torch.tensor(TYPICAL_MODE.sd)
    return values[:, None, None, None].expand(4, 1, 3, 5).clone()


@pytest.mark.parametrize(
    ("spreads", "kind"),
    [
        ((0, 0, 0, 0), 0),
        ((20, 30, -10, -10), 1),  # the blue 0.39 up
        ((8, 8, -1, 0), 2),
        ((3, -2, 6, 6), 3),
        ((0, 0, 6, 0), 0),  # NIR alone: a harvest
        ((0, 0, 0, 6), 0),  # SWIR alone: rain
        ((6, -6, 0, 0), 0),  # less attention, but no brighter: nothing that a cloud does
    ],
)
def test_each_kind_is_told(spreads, kind):
    assert (judged(judge(), scene(*spreads)).classes() == kind).all()


def test_probabilities_are_the_mixtures_of_the_joint_scores():
    found = judged(judge(), scene(3.0, 1.0, 2.5, 4.0))
    cloud, unusable = (
        float(cloud_probability(torch.tensor(s), MIXTURE)) for s in (4 / 2**0.5, 2.83)
    )
    assert_allclose(found.cloud, cloud, rtol=1e-4)
    assert_allclose(found.unusable, unusable, rtol=1e-2)
    assert (found.cloud <= found.unusable).all()


def test_a_recalibration_moves_the_log_odds():
    line = Recalibration(slope=2.0, intercept=-1.0)
    evidence = scene(1.5, 1.5, 0, 0)
    plain, moved = judged(judge(), evidence), judged(judge(recalibrated_unusable=line), evidence)
    assert_allclose(moved.unusable.logit(), 2 * plain.unusable.logit() - 1, rtol=1e-3)
    assert (moved.cloud <= moved.unusable).all()
    assert_allclose(plain.cloud, plain.unusable)


def test_no_answer_is_no_class():
    evidence = scene(9, 9, 0, 0)
    evidence[:, 0, 1, 2] = torch.nan
    found = judged(judge(), evidence)
    assert found.cloud.isnan().sum() == found.unusable.isnan().sum() == 1
    assert found.classes()[0, 1, 2] == 255


def test_one_score_knows_no_shadow():
    found = judged(SingleJudge(mixture=MIXTURE), torch.full((1, 2, 3, 4), 9.0))
    assert (found.classes() == 2).all()
    assert_allclose(found.probability("cloud"), found.probability("unusable"))


def made_up(*, share, seed=0, dates=40):
    """Evidence (4, T, 1, 8, 8) with this share of cloudy dates."""
    rng = np.random.default_rng(seed)
    mean, sd = (np.array(v)[:, None, None, None] for v in (TYPICAL_MODE.mean, TYPICAL_MODE.sd))
    clear = mean + sd * rng.normal(size=(4, dates, 8, 8))
    depth = rng.exponential(1.0, (dates, 8, 8)) * (np.arange(dates) < share * dates)[:, None, None]
    added = np.array([0.8, 0.3, -0.2, -0.1])[:, None, None, None] * depth
    cloudy = np.broadcast_to(np.arange(dates) < share * dates, (8, 8, dates)).transpose(2, 0, 1)
    return torch.from_numpy(clear + added).float()[:, :, None], cloudy


@pytest.mark.parametrize("share", [0.0, 0.3, 0.7])
def test_a_fit_without_labels_finds_the_share_of_cloud(share):
    evidence, cloudy = made_up(share=share)
    fitted = fit_judge(evidence, CALIBRATION, "counterfactual", dates=40)
    found = judged(fitted, evidence[:, :, 0]).cloud.numpy() >= 0.5
    assert abs(found.mean() - share) < 0.05
    assert (found == cloudy).mean() > 0.94


def test_the_sample_counts_each_window_by_itself():
    evidence, _ = made_up(share=0.4)
    apart = torch.stack([evidence[:, :, 0, :, :4], evidence[:, :, 0, :, 4:]], dim=2)
    fitted = fit_judge(apart, CALIBRATION, "counterfactual", dates=40)
    swapped = fit_judge(apart.flip(2), CALIBRATION, "counterfactual", dates=40)
    assert fitted == swapped


ONES = [
    judge(recalibrated_cloud=Recalibration(slope=1.3, intercept=0.1 + 0.2)),
    SingleJudge(mixture=Mixture(clear_mean=0.1, clear_sd=1 / 3, cloud_scale=7, cloud_share=0.2)),
]


@pytest.mark.parametrize("one", ONES)
def test_a_judge_is_rebuilt_from_its_tag(one):
    assert judge_from(json.loads(json.dumps(asdict(one)))) == one


def test_a_tag_of_something_else_is_refused():
    with pytest.raises(ValueError, match="clear_mean"):
        judge_from({"mixture": {"clear_mean": 1.0}})
    with pytest.raises(ValueError, match="calibration has mode; expected cloud"):
        judge_from({"mode": {"mean": [0.0], "sd": [1.0]}})


def random_evidence(one, seed=0):
    """(F, 2, 5, 41) with a gap; all parts of an observation are known or none."""
    rng = np.random.default_rng(seed)
    parts = 4 if isinstance(one, JointJudge) else 1
    scale = np.array([2.0, 0.2, 0.1, 0.1])[:parts, None, None, None]
    evidence = rng.normal(size=(parts, 2, 5, 41)) * scale
    evidence[:, 1, 2, 30] = np.nan
    return torch.from_numpy(evidence.astype(np.float32))


@pytest.mark.parametrize("one", ONES)
@pytest.mark.parametrize("target", ["cloud", "unusable"])
def test_all_answers_come_from_one_table(one, target):
    planes = one.planes(random_evidence(one))
    probability = one(planes).probability(target)
    np.testing.assert_array_equal(one.probability(planes, target), probability)
    expected = (probability * 100).round().nan_to_num(nan=255).to(torch.uint8)
    assert torch.equal(one.percent(planes, target), expected)
    assert (expected == 255).sum() == 1


@pytest.mark.parametrize("one", ONES)
def test_a_pixels_planes_depend_on_nothing_beside_it(one):
    evidence = random_evidence(one)
    whole = one.planes(evidence).numpy()
    for left, right in ((0, 1), (3, 20), (29, 41)):
        part = one.planes(evidence[:, :, 1:4, left:right].clone()).numpy()
        assert part.tobytes() == whole[:, :, 1:4, left:right].tobytes()


@pytest.mark.parametrize("one", ONES)
def test_windows_join_without_a_seam(one):
    planes = one.planes(random_evidence(one))
    whole = one.percent(planes, "cloud")
    left, right = one.percent(planes[..., :21], "cloud"), one.percent(planes[..., 19:], "cloud")
    assert torch.equal(torch.cat([left[..., :20], right[..., 1:]], dim=-1), whole)
