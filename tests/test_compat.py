"""The original L-TAE against its printed facts and a second implementation, with loops."""

import re
from dataclasses import replace
from math import cos, exp, prod, sin, sqrt

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file

from am4cm_cli.errors import WeightsError
from am4cm_cli.models import Compat, CompatConfig
from am4cm_cli.models.compat import choose_dates
from am4cm_cli.models.original import OriginalConfig, OriginalEncoder
from am4cm_cli.models.sizes import SIZES
from am4cm_cli.originals import load_original

PLAIN = OriginalConfig(
    features=6, dates=7, positions=7, heads=3, key_channels=5, neurons=(6, 4, 10), convolution=False
)
CONVOLVED = replace(PLAIN, features=8, neurons=(12, 4, 10), convolution=True)
POSITION_5 = """-0.95892 0.28366 0.8589 -0.51215 0.77653 0.63008 0.36622 0.93053
    0.15746 0.98753 0.06663 0.99778 0.02811 0.9996 0.01186 0.99993"""


def original_size(name):
    size = SIZES[name]
    return OriginalConfig(heads=size.heads, neurons=size.neurons, convolution=size.convolution)


def shaken(module, seed=0):
    """In evaluation mode, with every number of the state dict another than it was born with."""
    torch.manual_seed(seed)
    for name, tensor in module.state_dict().items():
        if name.endswith("running_var"):
            torch.nn.init.uniform_(tensor, 0.5, 2)
        elif tensor.is_floating_point() and not name.endswith("position_enc.weight"):
            torch.nn.init.normal_(tensor, std=0.5)
    return module.eval()


def standardised(values, gain, shift, eps=1e-5):
    """LayerNorm over a flat list, number by number."""
    mean = sum(values) / len(values)
    variance = sum((v - mean) ** 2 for v in values) / len(values)
    scale = 1 / sqrt(variance + eps)
    return [(v - mean) * scale * g + s for v, g, s in zip(values, gain, shift, strict=True)]


def linear(values, weight, bias):
    return [
        sum(w * v for w, v in zip(row, values, strict=True)) + b
        for row, b in zip(weight, bias, strict=True)
    ]


def slow_position(position, channels):
    angles = [position / 1000 ** (2 * (j // 2) / channels) for j in range(channels)]
    return [cos(angle) if j % 2 else sin(angle) for j, angle in enumerate(angles)]


def slow_dates(series, state):
    """(T, D): LayerNorm, convolution and joint LayerNorm where there are any, positions."""
    norm = state["inlayernorm.weight"], state["inlayernorm.bias"]
    dates = [standardised(date, *norm) for date in series]
    if "inconv.0.weight" in state:
        weight, bias = state["inconv.0.weight"][:, :, 0], state["inconv.0.bias"]
        dates = [linear(date, weight, bias) for date in dates]
        flat = [date[d] for d in range(len(bias)) for date in dates]  # channels, then dates
        norm = state["inconv.1.weight"].ravel(), state["inconv.1.bias"].ravel()
        table = np.array(standardised(flat, *norm)).reshape(len(bias), len(dates))
        dates = [table[:, t].tolist() for t in range(len(dates))]
    heads = len(state["attention_heads.Q"])
    return [
        [v + p for v, p in zip(date, heads * slow_position(t, len(date) // heads), strict=True)]
        for t, date in enumerate(dates)
    ]


def slow_layer(values, state, layer):
    """One layer of the MLP: linear, batch normalisation by running statistics, ReLU."""
    values = linear(values, state[f"mlp.{layer}.weight"], state[f"mlp.{layer}.bias"])
    names = ("running_mean", "running_var", "weight", "bias")
    numbers = (state[f"mlp.{layer + 1}.{name}"] for name in names)
    return [
        max(0, (value - mean) / sqrt(variance + 1e-5) * gain + shift)
        for value, mean, variance, gain, shift in zip(values, *numbers, strict=True)
    ]


def slow_attention(dates, state):
    """(H, T)"""
    queries = state["attention_heads.Q"]
    heads, width = queries.shape
    weight, bias = state["attention_heads.fc1_k.weight"], state["attention_heads.fc1_k.bias"]
    keys = [linear(date, weight, bias) for date in dates]
    attention = []
    for h in range(heads):
        products = [sum(queries[h, k] * key[h * width + k] for k in range(width)) for key in keys]
        weights = [exp(product / sqrt(width)) for product in products]
        attention.append([weight / sum(weights) for weight in weights])
    return attention


def slow_encoder(series, state):
    """Features (E,) and attention (H, T) of one (T, C) series, from the printed facts alone."""
    dates = slow_dates(series, state)
    attention = slow_attention(dates, state)
    share = len(dates[0]) // len(attention)
    values = [
        sum(a * date[d] for a, date in zip(attention[d // share], dates, strict=True))
        for d in range(len(dates[0]))
    ]
    for layer in range(0, 99, 3):
        if f"mlp.{layer}.weight" in state:
            values = slow_layer(values, state, layer)
    norm = state["outlayernorm.weight"], state["outlayernorm.bias"]
    return standardised(values, *norm), attention


@pytest.mark.parametrize("config", [PLAIN, CONVOLVED], ids=["plain", "convolution"])
def test_the_encoder_is_the_slow_one(config):
    model = shaken(OriginalEncoder(config)).double()
    state = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    series = torch.randn(2, 7, config.features, dtype=torch.float64)
    with torch.no_grad():
        found = model(series)
    for pixel in range(2):
        features, attention = slow_encoder(series[pixel].tolist(), state)
        torch.testing.assert_close(found.features[pixel].tolist(), features, atol=1e-6, rtol=1e-6)
        torch.testing.assert_close(found.attention[:, pixel].tolist(), attention, atol=1e-6, rtol=0)


def test_a_paper_sized_encoder_is_the_slow_one():
    model = shaken(OriginalEncoder(OriginalConfig())).double()
    state = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    series = torch.randn(1, 24, 128, dtype=torch.float64)
    features, attention = slow_encoder(series[0].tolist(), state)
    with torch.no_grad():
        found = model(series)
    torch.testing.assert_close(found.features[0].tolist(), features, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(found.attention[:, 0].tolist(), attention, atol=1e-6, rtol=0)


class Veiling:
    """A chance that notes what it was asked, and drops the last element of the last axis."""

    def __init__(self):
        self.asked = []

    def dropout(self, x, *, rate, sample_axis=0):
        self.asked.append((tuple(x.shape), rate, sample_axis))
        return torch.cat([x[..., :-1] * 2, torch.zeros_like(x[..., -1:])], -1)


def test_dropout_is_on_the_attention_and_before_the_last_norm():
    model = shaken(OriginalEncoder(PLAIN)).train()
    model.mlp.eval()
    series, veiling = torch.randn(2, 7, 6), Veiling()
    found, whole = model(series, chance=veiling), model(series)
    assert veiling.asked == [((3, 2, 7), 0.1, 1), ((2, 10), 0.2, 0)]
    torch.testing.assert_close(found.attention, whole.attention)
    embedded = model.embed(series, torch.arange(7))[:, :-1].reshape(2, 6, 3, 2)
    pooled = torch.einsum("hpt,pthd->phd", 2 * whole.attention[..., :-1], embedded).flatten(1)
    hidden = model.mlp(pooled) * torch.tensor([2.0] * 9 + [0.0])
    torch.testing.assert_close(found.features, model.outlayernorm(hidden))


def test_the_table_of_positions_is_the_papers():
    table = OriginalEncoder(OriginalConfig()).position_enc.weight
    expected = torch.tensor([float(x) for x in POSITION_5.split()])
    assert table.shape == (24, 256)
    torch.testing.assert_close(table[5], expected.repeat(16), atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("name", "count"), [("9k", 8832), ("34k", 33920), ("112k", 112000), ("288k", 288640)]
)
def test_parameters_are_the_papers(name, count):
    model = OriginalEncoder(original_size(name))
    assert sum(p.numel() for p in model.parameters()) == count


def test_keys_and_shapes_are_the_originals():
    shapes = {k: tuple(t.shape) for k, t in OriginalEncoder(OriginalConfig()).state_dict().items()}
    norm = {"weight", "bias", "running_mean", "running_var"}
    assert shapes == {
        "inlayernorm.weight": (128,),
        "inlayernorm.bias": (128,),
        "inconv.0.weight": (256, 128, 1),
        "inconv.0.bias": (256,),
        "inconv.1.weight": (256, 24),
        "inconv.1.bias": (256, 24),
        "position_enc.weight": (24, 256),
        "attention_heads.Q": (16, 8),
        "attention_heads.fc1_k.weight": (128, 256),
        "attention_heads.fc1_k.bias": (128,),
        "mlp.0.weight": (128, 256),
        "mlp.0.bias": (128,),
        **{f"mlp.1.{name}": (128,) for name in norm},
        "mlp.1.num_batches_tracked": (),
        "outlayernorm.weight": (128,),
        "outlayernorm.bias": (128,),
    }


def test_queries_are_drawn_as_in_the_paper():
    torch.manual_seed(0)
    queries = OriginalEncoder(replace(PLAIN, key_channels=20_000)).attention_heads.Q
    assert queries.std().item() == pytest.approx((2 / 20_000) ** 0.5, rel=0.02)


def saved(path, config, **changes):
    """A state dict in a file; a change of None takes a tensor away."""
    tensors = shaken(OriginalEncoder(config)).state_dict() | changes
    save_file({key: t for key, t in tensors.items() if t is not None}, path)
    return path


def test_a_state_dict_with_the_original_keys_loads(tmp_path):
    table = torch.randn(7, 12)  # the authors' positions are days, not the numbers of the dates
    path = saved(tmp_path / "o.safetensors", CONVOLVED, **{"position_enc.weight": table})
    model = load_original(path, CONVOLVED)
    assert not model.training
    torch.testing.assert_close(model.position_enc.weight, table)
    series = torch.randn(2, 7, 8)
    expected = shaken(OriginalEncoder(CONVOLVED))
    expected.position_enc.weight.copy_(table)
    torch.testing.assert_close(model(series), expected(series))


@pytest.mark.parametrize(
    ("key", "tensor", "words"),
    [
        ("attention_heads.Q", None, "tensor attention_heads.Q has shape None; expected (3, 5)"),
        ("pse.mlp1.weight", torch.zeros(2), "pse.mlp1.weight has shape (2,); expected None"),
        ("inconv.1.weight", torch.zeros(12, 9), "has shape (12, 9); expected (12, 7)"),
        ("mlp.0.bias", torch.full((4,), torch.nan), "mlp.0.bias holds NaN"),
    ],
)
def test_other_tensors_are_named(tmp_path, key, tensor, words):
    path = saved(tmp_path / "o.safetensors", CONVOLVED, **{key: tensor})
    with pytest.raises(WeightsError, match=re.escape(words)) as error:
        load_original(path, CONVOLVED)
    assert str(error.value).startswith(f"{path}: ")


def test_a_pickle_is_refused(tmp_path):
    torch.save(OriginalEncoder(PLAIN).state_dict(), tmp_path / "o.pth")
    with pytest.raises(WeightsError, match=r"o\.pth: not a readable weights file"):
        load_original(tmp_path / "o.pth", PLAIN)


# The classifier around it


def compat(**changes):
    config = CompatConfig(
        bands=("B02", "B08", "B11"),
        mean=(0.1, 0.3, 0.2),
        std=(0.05, 0.1, 0.08),
        classes=("meadow", "maize", "wheat", "beet", "rape"),
        features=8,
        dates=7,
        heads=3,
        key_channels=5,
        neurons=(12, 4, 10),
    )
    return shaken(Compat(replace(config, **changes)))


def test_a_series_of_just_so_many_dates_is_encoded_as_it_is():
    model = compat()
    reflectance, days = torch.rand(2, 7, 3), torch.randint(1, 367, (2, 7)).float()
    found = model(reflectance, days, torch.ones(2, 7, dtype=torch.bool))
    standard = (reflectance - model.mean) / model.std
    features = standard @ model.embedding.weight.T + model.embedding.bias
    encoding = model.encoder(features, days.long())
    torch.testing.assert_close(found.attention, encoding.attention)
    logits = encoding.features @ model.classifier.weight.T + model.classifier.bias
    torch.testing.assert_close(found.logits, logits)


def test_the_positions_are_the_days():
    encoder = compat().encoder
    days = torch.tensor([1, 60, 366])
    expected = [3 * slow_position(day, 4) for day in days.tolist()]
    torch.testing.assert_close(
        encoder.position_enc(days), torch.tensor(expected), atol=1e-5, rtol=0
    )


@given(
    dates=st.integers(1, 40),
    count=st.integers(1, 30),
    pixels=st.integers(1, 4),
    seed=st.integers(0, 10**6),
)
def test_slots_take_observed_dates_in_order_and_evenly(dates, count, pixels, seed):
    generator = torch.Generator().manual_seed(seed)
    valid = torch.rand(pixels, dates, generator=generator) > 0.5
    valid[:, seed % dates] = True
    chosen = choose_dates(valid, count=count)
    for pixel in range(pixels):
        observed = [t for t in range(dates) if valid[pixel, t]]
        assert chosen[pixel].tolist() == [
            observed[s * len(observed) // count] for s in range(count)
        ]
    seen = valid.sum(1)
    uses = torch.zeros(valid.shape).scatter_add(1, chosen, torch.ones(pixels, count))
    assert (uses[~valid] == 0).all()
    for pixel in range(pixels):
        even = count / seen[pixel].item()
        assert (uses[pixel][valid[pixel]] - even).abs().max() < 1


def test_what_is_not_valid_changes_nothing_and_gets_no_attention():
    model = compat()
    reflectance, days = torch.rand(4, 11, 3), torch.randint(1, 367, (4, 11)).float()
    valid = torch.rand(4, 11) > 0.4
    valid[:, 2] = True
    clean = model(reflectance, days, valid)
    padded = model(
        torch.cat([torch.where(valid[..., None], reflectance, torch.nan), torch.rand(4, 5, 3)], 1),
        torch.cat([torch.where(valid, days, 7), torch.ones(4, 5)], 1),
        torch.cat([valid, torch.zeros(4, 5, dtype=torch.bool)], 1),
    )
    torch.testing.assert_close(padded.logits, clean.logits)
    torch.testing.assert_close(padded.attention[..., :11], clean.attention)
    assert (padded.attention[..., 11:] == 0).all()
    assert (clean.attention[:, ~valid] == 0).all()
    torch.testing.assert_close(clean.attention.sum(-1), torch.ones(3, 4))


def test_observed_logits_are_those_of_the_softmax():
    model = compat()
    reflectance, days = torch.rand(2, 7, 3), torch.randint(1, 367, (2, 7)).float()
    valid = torch.ones(2, 7, dtype=torch.bool)
    logits = model.observed_logits(reflectance, days, valid)
    assert logits.shape == (3, prod(valid.shape))
    attention = model(reflectance, days, valid).attention
    torch.testing.assert_close(logits.unflatten(1, (2, 7)).softmax(-1), attention)
