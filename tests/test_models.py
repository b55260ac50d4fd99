"""The L-TAE against printed facts, torch's own attention and hand counts."""

import pytest
import torch

from am4cm_cli.models import LTAE, LTAEConfig
from am4cm_cli.models.ltae import attend
from am4cm_cli.models.positions import encode_days
from networks import tiny_config, tiny_model

# Garnot and Landrieu 2020, their table for position 5 and 16 channels a head.
POSITION_5 = """-0.95892 0.28366 0.8589 -0.51215 0.77653 0.63008 0.36622 0.93053
    0.15746 0.98753 0.06663 0.99778 0.02811 0.9996 0.01186 0.99993"""


def series(pixels=3, dates=7, bands=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    reflectance = torch.rand(pixels, dates, bands, generator=generator)
    days = torch.randint(1, 366, (pixels, dates), generator=generator).float()
    valid = torch.rand(pixels, dates, generator=generator) > 0.3
    valid[:, 0] = True
    return reflectance, days, valid


def test_positions_are_the_papers_and_repeat_for_each_head():
    encoded = encode_days(torch.tensor([5.0]), channels=48, heads=3)
    expected = torch.tensor([float(x) for x in POSITION_5.split()])
    torch.testing.assert_close(encoded[0], expected.repeat(3), atol=1e-5, rtol=0)


def test_attention_is_torchs_own():
    query, key = torch.randn(2, 1, 5), torch.randn(2, 9, 5)
    valid = torch.tensor([True, False, True, True, False, True, True, True, False])
    identity = torch.eye(9).expand(2, 9, 9)  # with one-hot values, the output is the attention
    theirs = torch.nn.functional.scaled_dot_product_attention(
        query, key, identity, attn_mask=valid.expand(2, 1, 9)
    )
    logits = (query * key).sum(-1) / 5**0.5
    ours = attend(logits[:, None], valid[None])
    torch.testing.assert_close(ours, theirs)


def test_attention_of_hidden_dates_is_exactly_zero():
    attention = attend(torch.randn(2, 3, 7), series()[2])
    assert (attention[:, ~series()[2]] == 0).all()
    torch.testing.assert_close(attention.sum(-1), torch.ones(2, 3))


def test_padding_changes_nothing():
    model = tiny_model()
    reflectance, days, valid = series()
    alone = model(reflectance, days, valid)
    padded = model(
        torch.cat([reflectance, torch.full((3, 5, 4), 9.0)], 1),
        torch.cat([days, torch.ones(3, 5)], 1),
        torch.cat([valid, torch.zeros(3, 5, dtype=torch.bool)], 1),
    )
    torch.testing.assert_close(padded.logits, alone.logits, atol=1e-5, rtol=0)
    torch.testing.assert_close(padded.attention[..., :7], alone.attention, atol=1e-5, rtol=0)


def test_hidden_dates_enter_no_statistic():
    reflectance, days, valid = series()
    spoilt = torch.where(valid[..., None], reflectance, 1e6)
    clean, dirty = (tiny_model(dropout=0.0).train() for _ in range(2))
    clean(reflectance, days, valid)
    dirty(spoilt, days, valid)
    for ours, theirs in zip(clean.buffers(), dirty.buffers(), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_statistics_are_those_of_observed_dates():
    reflectance, days, valid = series(pixels=11)
    model = tiny_model().train()
    before = model.norm.running_mean.clone()
    model(reflectance, days, valid)
    standard = (reflectance[valid] - model.mean) / model.std
    mean = (standard @ model.embedding.weight.T + model.embedding.bias).mean(0)
    torch.testing.assert_close(model.norm.running_mean, 0.9 * before + 0.1 * mean)


def test_brightness_changes_attention():
    # A LayerNorm over the bands of a date would undo this, and with it the main cue for clouds.
    model = tiny_model()
    reflectance, days, valid = series()
    valid[:] = True
    bright = reflectance.clone()
    bright[:, 2] = bright[:, 2] * 2.5 + 0.3
    change = model(bright, days, valid).attention - model(reflectance, days, valid).attention
    assert change[..., 2].abs().min() > 1e-3


def test_parameters_by_hand():
    config = LTAEConfig(
        bands=tuple("abcdefghij"), mean=(0,) * 10, std=(1,) * 10, classes=tuple("uvw")
    )
    embedding, norm = 10 * 128 + 128, 2 * 128
    keys, queries = 128 * 128 + 128, 16 * 8
    mlp, classifier = 128 * 128 + 128 + 2 * 128, 128 * 3 + 3
    total = embedding + norm + keys + queries + mlp + classifier
    assert sum(p.numel() for p in LTAE(config).parameters()) == total


@pytest.mark.parametrize("training", [True, False])
def test_attention_comes_before_dropout(training):
    model = LTAE(tiny_config(dropout=0.5)).train(training)
    attention = model(*series()).attention
    torch.testing.assert_close(attention.sum(-1), torch.ones(2, 3))
