"""Layers of a window: what is written against brute force and the network itself."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pytest
import torch
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from rasterio.crs import CRS

from am4cm_cli.answers import WindowAnswer
from am4cm_cli.attention import fold
from am4cm_cli.calibration import Mixture, Recalibration
from am4cm_cli.days import day_of_year
from am4cm_cli.judgement import JointJudge, Judgement
from am4cm_cli.layers import (
    attention_layer,
    class_layer,
    count_clear,
    probability_layer,
    reliability_layer,
)
from am4cm_cli.models import LTAE, LTAEConfig
from am4cm_cli.scores.joint import TYPICAL_MODE
from am4cm_cli.scores.observations import Observations
from am4cm_cli.stacks.stack import Grid, Scene, Stack

BANDS = ("B02", "B03", "B08", "B11")
HEADS = 3
SHAPE = (2, 6)
DAYS = ("2019-12-20", "2020-01-05", "2020-02-01", "2020-02-01", "2020-06-30")
NAMES = ("2019-12-20", "2020-01-05", "2020-02-01T10:00", "2020-02-01T10:30", "2020-06-30")
NAN = float("nan")


@pytest.fixture
def stack():
    grid = Grid(crs=CRS.from_epsg(32631), transform=Affine.identity(), shape=SHAPE)
    scenes = tuple(
        Scene(time=datetime.fromisoformat(day), name=name, bands={})
        for day, name in zip(DAYS, NAMES, strict=True)
    )
    return Stack(source="images", grid=grid, bands=BANDS, scenes=scenes)


def judgement(unusable, *, cloud=None, shadowed=None, thick=None):
    never = torch.zeros(unusable.shape, dtype=torch.bool)
    return Judgement(
        cloud=unusable if cloud is None else cloud,
        unusable=unusable,
        shadowed=never if shadowed is None else shadowed,
        thick=never if thick is None else thick,
    )


@dataclass(frozen=True)
class Decided:
    """A judge whose mind is made up, whatever the planes."""

    judgement: Judgement

    def __call__(self, planes):
        return self.judgement

    def probability(self, planes, target):
        return self.judgement.probability(target)


def encode(layer, decided):
    return layer.encode(Decided(decided), torch.zeros(1)).numpy()


def answer(*, seed=0):
    """Random reflectance of which a fifth is not valid; all of pixel (1, 4) is not."""
    rng = np.random.default_rng(seed)
    valid = rng.random((len(DAYS), *SHAPE)) > 0.2
    valid[:, 1, 4] = False
    reflectance = rng.uniform(0, 0.6, (len(DAYS), len(BANDS), *SHAPE)).astype(np.float32)
    believed = judgement(torch.zeros(valid.shape))
    reflectance = np.where(valid[:, None], reflectance, np.float32(0))
    return WindowAnswer(reflectance=reflectance, valid=valid, judgement=believed)


def model():
    torch.manual_seed(5)
    config = LTAEConfig(
        bands=BANDS,
        mean=(0.1, 0.1, 0.3, 0.2),
        std=(0.1, 0.2, 0.1, 0.3),
        classes=("maize", "meadow"),
        channels=6,
        heads=HEADS,
        key_channels=4,
        hidden=5,
    )
    made = LTAE(config)
    # As after a training: batch normalisation that does something.
    made.norm.running_mean.normal_()
    made.norm.running_var.uniform_(0.5, 2)
    return made.eval()


def observed(seen):
    reflectance, valid = torch.from_numpy(seen.reflectance), torch.from_numpy(seen.valid)
    return Observations.of_reflectance(reflectance.flatten(2), valid.flatten(1))


def own_attention(network, seen):
    """(H, T, Y, X) of the network's own forward pass over the same pixels."""
    pixels = SHAPE[0] * SHAPE[1]
    days = np.array(DAYS, "datetime64[D]").astype(np.int64)
    day = torch.from_numpy(day_of_year(days)).float().expand(pixels, -1)
    series = torch.from_numpy(seen.reflectance).flatten(2).permute(2, 0, 1)
    valid = torch.from_numpy(seen.valid).flatten(1).T
    with torch.no_grad():
        attention = network(series, day, valid).attention
    return attention.transpose(1, 2).unflatten(-1, SHAPE).numpy()


def test_attention_is_that_of_the_networks_own_forward_pass(stack, tmp_path):
    network, seen = model(), answer()
    layer = attention_layer(tmp_path / "a.tif", stack, fold(network), each_head=True)
    written = layer.encode(observed(seen)).numpy().reshape(len(DAYS), HEADS, *SHAPE)
    expected = own_attention(network, seen).transpose(1, 0, 2, 3)
    known = np.broadcast_to(seen.valid[:, None], written.shape)
    assert_array_equal(np.isnan(written), ~known)
    np.testing.assert_allclose(written[known], expected[known], rtol=1e-3, atol=1e-6)
    # Another network, or a head in another's place, would not do.
    assert np.nanmax(np.abs(written[:, 0] - written[:, 1])) > 0.05


def test_attention_sums_to_one_over_the_valid_dates(stack, tmp_path):
    seen = answer()
    layer = attention_layer(tmp_path / "a.tif", stack, fold(model()), each_head=True)
    written = layer.encode(observed(seen)).numpy().reshape(len(DAYS), HEADS, *SHAPE)
    ever = np.broadcast_to(seen.valid.any(0), (HEADS, *SHAPE))
    np.testing.assert_allclose(np.nansum(written, axis=0), ever, atol=1e-5)


def test_the_mean_is_that_of_the_heads(stack, tmp_path):
    seen = answer()
    layers = (
        attention_layer(tmp_path / "a.tif", stack, fold(model()), each_head=each)
        for each in (True, False)
    )
    by_head, mean = (layer.encode(observed(seen)).numpy() for layer in layers)
    expected = by_head.reshape(len(DAYS), HEADS, -1).mean(1)
    np.testing.assert_allclose(mean, expected, rtol=1e-5)
    assert mean.dtype == np.float32


def test_bands_are_named_by_scene_and_head(stack, tmp_path):
    folded = fold(model())
    mean = attention_layer(tmp_path / "a.tif", stack, folded, each_head=False)
    each = attention_layer(tmp_path / "a.tif", stack, folded, each_head=True)
    assert tuple(mean.names) == NAMES
    assert len(each.names) == len(NAMES) * HEADS
    assert each.names[:4] == [f"{NAMES[0]} head {n}" for n in (1, 2, 3)] + [f"{NAMES[1]} head 1"]
    for layer in (
        probability_layer(tmp_path / "a.tif", stack, target="cloud", dtype="uint8"),
        class_layer(tmp_path / "a.tif", stack),
        reliability_layer(tmp_path / "a.tif", stack),
    ):
        assert tuple(layer.names) == NAMES


def test_classes_by_hand(stack, tmp_path):
    #          clear, thin, thick, shadow, shadow however bright, clear though dark, no answer
    unusable = [0.49, 0.50, 0.90, 0.60, 0.99, 0.10, NAN]
    shadowed = [False, False, False, True, True, True, True]
    thick = [True, False, True, False, True, False, True]
    expected = [0, 2, 1, 3, 3, 0, 255]
    believed = judgement(
        torch.tensor(unusable).reshape(7, 1, 1),
        shadowed=torch.tensor(shadowed).reshape(7, 1, 1),
        thick=torch.tensor(thick).reshape(7, 1, 1),
    )
    layer = class_layer(tmp_path / "c.tif", stack)
    written = encode(layer, believed)
    assert written.dtype == np.uint8
    assert written.ravel().tolist() == expected
    assert layer.overview == "mode"


@pytest.mark.parametrize("target", ["cloud", "unusable"])
def test_each_target_has_its_own_probability(stack, tmp_path, target):
    judge = JointJudge(
        mode=TYPICAL_MODE,
        cloud=Mixture(clear_mean=0, clear_sd=1, cloud_scale=9, cloud_share=0.3),
        unusable=Mixture(clear_mean=0, clear_sd=1, cloud_scale=8, cloud_share=0.6),
        recalibrated_cloud=Recalibration(),
        recalibrated_unusable=Recalibration(),
    )
    planes = torch.linspace(-9, 9, 3 * len(DAYS) * 12).reshape(3, len(DAYS), *SHAPE).roll(17)
    planes[:2, 1, 1, 2] = NAN
    believed = judge(planes).probability(target).numpy()
    share = probability_layer(tmp_path / "p.tif", stack, target=target, dtype="float32")
    assert_array_equal(share.encode(judge, planes), believed)
    percent = probability_layer(tmp_path / "p.tif", stack, target=target, dtype="uint8")
    expected = np.where(np.isnan(believed), 255, np.rint(100 * believed)).astype(np.uint8)
    assert_array_equal(percent.encode(judge, planes), expected)


@given(seed=st.integers(0, 2**32 - 1))
def test_clear_dates_nearby_are_counted_one_by_one(seed):
    rng = np.random.default_rng(seed)
    unusable = rng.random((5, 3, 2)).astype(np.float32)
    unusable[rng.random(unusable.shape) < 0.2] = np.nan
    near = rng.random((5, 5)) < 0.5
    found = count_clear(torch.from_numpy(unusable), torch.from_numpy(near).float()).numpy()
    for t, y, x in np.ndindex(unusable.shape):
        if np.isnan(unusable[t, y, x]):
            assert found[t, y, x] == 255
        else:
            assert found[t, y, x] == sum(near[t, s] and unusable[s, y, x] < 0.5 for s in range(5))


def test_at_most_254_are_counted():
    count = count_clear(torch.zeros(300, 1, 1), torch.ones(300, 300))
    assert (count == 254).all()


def test_reliability_leaves_out_the_day_itself_and_those_beyond_the_kernel(stack, tmp_path):
    # Three widths of 25 days reach 75: 20 December sees January and both of February (43 days);
    # these two are one day; to 30 June it is 150.
    clear = judgement(torch.zeros(len(DAYS), 2, 1))
    written = encode(reliability_layer(tmp_path / "r.tif", stack), clear)
    assert written[:, 0, 0].tolist() == [3, 3, 2, 2, 0]
    assert_array_equal(written[:, 0], written[:, 1])
    cloudy = torch.zeros(len(DAYS), 2, 1)
    cloudy[1, 0], cloudy[2, 0] = 0.5, NAN
    written = encode(reliability_layer(tmp_path / "r.tif", stack), judgement(cloudy))
    assert written[:, 0, 0].tolist() == [1, 2, 255, 1, 0]
    assert written[:, 1, 0].tolist() == [3, 3, 2, 2, 0]
