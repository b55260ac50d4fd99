"""The L-TAE against printed facts, torch's own attention and hand counts."""

import pytest
import torch

from am4cm_cli.models import LTAE, MODEL_NAMES, LTAEConfig, build
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
    attention = model(*series(), chance=Halving()).attention
    torch.testing.assert_close(attention.sum(-1), torch.ones(2, 3))


class Halving:
    """A chance that notes what it was asked, and halves."""

    def __init__(self):
        self.asked = []

    def dropout(self, x, *, rate, sample_axis=0):
        self.asked.append((tuple(x.shape), rate, sample_axis))
        return x / 2


@pytest.mark.parametrize("training", [True, False])
def test_dropout_asks_chance_and_nothing_else(training):
    reflectance, days, valid = series()
    model = tiny_model(dropout=0.3).train(training)
    if training:  # the batch statistics must not change from call to call
        model.norm.eval()
        model.mlp[1].eval()
    halving = Halving()
    dropped, whole = model(reflectance, days, valid, chance=halving), model(*series())
    assert halving.asked == [((2, 3, 7), 0.3, 1), ((3, 9), 0.3, 0)]
    torch.testing.assert_close(dropped.attention, whole.attention)
    embedded = model.embed(reflectance, days, valid)
    value = embedded.reshape(3, 7, 2, 6)
    pooled = torch.stack(
        [
            torch.cat([whole.attention[h, p] / 2 @ value[p, :, h] for h in range(2)])
            for p in range(3)
        ]
    )
    torch.testing.assert_close(dropped.logits, model.classifier(model.mlp(pooled) / 2))
    again = model(*series())
    torch.testing.assert_close(again, whole, atol=0, rtol=0)


def test_no_rate_asks_nothing():
    halving = Halving()
    tiny_model(dropout=0.0)(*series(), chance=halving)
    assert halving.asked == []


def test_attention_logits_are_queries_times_keys():
    model = tiny_model().double()
    embedded = torch.randn(3, 7, 12, dtype=torch.float64)
    key = model.key(embedded).reshape(3, 7, 2, 5)
    expected = [(key[:, :, h] * model.query[h]).sum(-1) / 5**0.5 for h in range(2)]
    torch.testing.assert_close(model.attention_logits(embedded), torch.stack(expected))


def test_observed_logits_are_those_of_observed_dates():
    model = tiny_model()
    reflectance, days, valid = series()
    logits = model.observed_logits(reflectance, days, valid)
    whole = model.attention_logits(model.embed(reflectance, days, valid))
    assert logits.shape == (2, int(valid.sum()))
    torch.testing.assert_close(logits, torch.stack([head[valid] for head in whole]))


def test_without_an_mlp_the_classifier_sees_the_pooled_dates():
    model = tiny_model(hidden=0)
    prediction = model(*series())
    value = model.embed(*series()).reshape(3, 7, 2, 6)
    pooled = torch.einsum("hpt,pthd->phd", prediction.attention, value).reshape(3, 12)
    torch.testing.assert_close(prediction.logits, model.classifier(pooled))


def test_the_mlp_embedding_by_hand():
    model = tiny_model(embedding="mlp")
    reflectance, days, valid = series()
    first, norm, _, second = model.embedding
    standard = (reflectance - model.mean) / model.std
    hidden = (standard @ first.weight.T + first.bias - norm.running_mean) / (
        norm.running_var + norm.eps
    ).sqrt() * norm.weight + norm.bias
    out = hidden.clamp(min=0) @ second.weight.T + second.bias
    out = (out - model.norm.running_mean) / (model.norm.running_var + 1e-5).sqrt()
    out = out * model.norm.weight + model.norm.bias
    positions = encode_days(days, channels=12, heads=2)
    expected = torch.where(valid[..., None], out, 0) + positions
    torch.testing.assert_close(model.embed(reflectance, days, valid), expected)


BANDS = ("B02", "B03", "B08")
COUNTS = {  # heads, channels, MLP; by hand in test_parameters_by_name
    "ltae": (16, 128, 128),
    "9k": (8, 128, 0),
    "34k": (16, 128, 128),
    "112k": (16, 256, 128),
    "288k": (32, 512, 128),
}


def built(name):
    return build(name, bands=BANDS, mean=(0.1,) * 3, std=(0.2,) * 3, classes=("a", "b"))


@pytest.mark.parametrize(("name", "sizes"), COUNTS.items())
def test_parameters_by_name(name, sizes):
    heads, channels, hidden = sizes
    total = 3 * channels + channels + 2 * channels  # embedding and its norm
    total += channels * heads * 8 + heads * 8 + heads * 8  # keys and queries
    total += (channels * hidden + 3 * hidden) if hidden else 0
    total += (hidden or channels) * 2 + 2
    assert sum(p.numel() for p in built(name).parameters()) == total


@pytest.mark.parametrize(
    ("name", "count"), [("9k", 8832), ("34k", 33920), ("112k", 112000), ("288k", 288640)]
)
def test_the_encoders_of_compat_have_the_papers_parameters(name, count):
    encoder = built(f"compat-{name}").encoder
    assert sum(p.numel() for p in encoder.parameters()) == count


@pytest.mark.parametrize("name", MODEL_NAMES)
def test_every_name_learns(name):
    torch.manual_seed(0)
    model = built(name).train()
    reflectance, days, valid = series(pixels=6, dates=9, bands=3)
    prediction = model(reflectance, days, valid, chance=Halving())
    assert prediction.logits.shape == (6, 2)
    assert prediction.attention.shape[1:] == (6, 9)
    torch.testing.assert_close(
        prediction.attention.sum(-1), torch.ones(prediction.attention.shape[:2])
    )
    torch.nn.functional.cross_entropy(prediction.logits, torch.arange(6) % 2).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", MODEL_NAMES)
def test_mixed_precision_answers_nearly_the_same(name, training):
    torch.manual_seed(0)
    model = built(name).train(training)
    batch = series(pixels=40, dates=9, bands=3)
    whole = model(*batch)
    with torch.autocast("cpu", torch.bfloat16):
        half = model(*batch)
    assert half.attention.dtype == torch.float32
    torch.testing.assert_close(half.attention, whole.attention, atol=0.05, rtol=0)
    torch.testing.assert_close(half.logits.float(), whole.logits, atol=0.2, rtol=0)
