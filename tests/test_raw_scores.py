"""Raw attention and logits as scores, against the network."""

import numpy as np
import torch
from numpy.testing import assert_allclose

from am4cm_cli.attention import fold
from am4cm_cli.days import day_of_year
from am4cm_cli.scores import Observations, make_score
from networks import tiny_model

DAYS = np.array([17_500, 17_510, 17_525, 17_540, 17_590])
SD = torch.ones(2, dtype=torch.float64)


def stack():
    generator = torch.Generator().manual_seed(3)
    reflectance = torch.rand(5, 4, 3, generator=generator, dtype=torch.float64)
    valid = torch.tensor([[1, 1, 1], [1, 0, 1], [0, 1, 1], [1, 1, 1], [1, 0, 0]], dtype=torch.bool)
    return torch.where(valid[:, None], reflectance, 0.0), valid


def test_attention_score_is_the_networks_attention():
    model = tiny_model().double()
    reflectance, valid = stack()
    days = torch.from_numpy(day_of_year(DAYS)).double().expand(3, 5)
    with torch.no_grad():
        attention = model(reflectance.permute(2, 0, 1), days, valid.T).attention.mean(0).T
    score = make_score("attention", fold(model), SD, DAYS)(
        Observations.of_reflectance(reflectance, valid)
    )[0]
    share = attention * valid.sum(0)
    assert_allclose(torch.exp(-score)[valid], share[valid])
    assert score[~valid].isnan().all()


def test_logit_score_is_standardised_over_the_valid_dates():
    model = tiny_model().double()
    reflectance, valid = stack()
    seen = Observations.of_reflectance(reflectance, valid)
    logits = fold(model).logits(reflectance, torch.from_numpy(day_of_year(DAYS)).double()).numpy()
    score = make_score("logit", fold(model), SD, DAYS)(
        Observations.of_reflectance(reflectance, valid)
    )[0].numpy()
    for pixel, seen in enumerate(valid.T.numpy()):
        series = logits[:, seen, pixel]
        standard = (series - series.mean(1, keepdims=True)) / series.std(1, keepdims=True)
        assert_allclose(score[seen, pixel], -standard.mean(0))
    assert np.isnan(score[~valid.numpy()]).all()
