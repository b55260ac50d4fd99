"""Training: repeatable, honest about what it sees, and able to learn."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from am4cm_cli.datasets.batches import ResidentSeries
from am4cm_cli.datasets.pixels import NODATA, SCALE, PixelSeries, open_fold
from am4cm_cli.datasets.stacks import PrepareConfig, label_stack, prepare_stacks
from am4cm_cli.errors import DataError
from am4cm_cli.stacks.discovery import find_stack
from am4cm_cli.training import (
    TrainConfig,
    add_noise,
    band_statistics,
    confusion,
    drop_dates,
    logit_spread,
    metrics_json,
    train_weights,
)
from am4cm_cli.weights import load_weights, save_weights
from cloudy import write_cloudy

CPU = torch.device("cpu")
QUICK = TrainConfig(epochs=4, batch=32, validation_fold=2)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prepared")
    write_cloudy(folder / "site")
    config = PrepareConfig(folds=3, grouping="block", block=3)
    source = label_stack(find_stack(folder / "site"), folder / "site/labels.tif", config=config)
    (folder / "data").mkdir()
    prepare_stacks([source], folder / "data", config)
    return folder / "data"


@pytest.fixture(scope="module")
def trained(prepared):
    return train_weights(prepared, QUICK, device=CPU)


def test_the_same_seed_gives_the_same_bytes(prepared, trained, tmp_path):
    save_weights(tmp_path / "a", trained)
    save_weights(tmp_path / "b", train_weights(prepared, QUICK, device=CPU))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_another_seed_gives_other_weights(prepared, trained):
    other = train_weights(prepared, replace(QUICK, seed=1), device=CPU)
    assert not torch.equal(other.model.query, trained.model.query)


def test_it_learns_two_crops_apart(trained):
    scores = trained.record["scores"]
    assert scores["overall_accuracy"] > 0.9
    assert trained.record["losses"][-1] < 0.5 * trained.record["losses"][0]


def test_the_record_counts_the_validation_fold_alone(prepared, trained):
    held_out = ResidentSeries(open_fold(prepared, 2), CPU)
    counts = np.array(trained.record["scores"]["confusion"])
    assert counts.sum() == len(held_out)
    assert (counts.sum(1) == np.bincount(held_out.target, minlength=2)).all()
    assert (confusion(trained.model, held_out).counts == counts).all()


def test_metrics_are_json_and_saved_weights_carry_them(trained, tmp_path):
    assert json.loads(metrics_json(trained)) == json.loads(json.dumps(trained.record))
    save_weights(tmp_path / "w", trained)
    assert load_weights(tmp_path / "w").record["scores"] == trained.record["scores"]


def test_statistics_of_bands_are_numpys(prepared):
    series = open_fold(prepared, 1)
    observed = series.reflectance[series.reflectance[:, 0] != NODATA] * SCALE
    mean, covariance = band_statistics(series)
    np.testing.assert_allclose(mean, observed.mean(0))
    np.testing.assert_allclose(covariance, np.cov(observed, rowvar=False))


def test_statistics_of_many_series_see_all_dates():
    # Twenty dates that get brighter; any stride through the series would meet only some of them.
    series, dates = 150_000, 20
    brightness = np.tile(np.arange(dates, dtype=np.int16) * 100, series)
    many = PixelSeries(
        reflectance=np.stack([brightness, brightness[::-1]], axis=1),
        calendar=np.zeros(series, np.int32),
        target=np.zeros(series, np.int16),
        group=np.zeros(series, np.int64),
        pixel=np.arange(series, dtype=np.int32),
        days=np.arange(dates, dtype=np.int32),
        calendar_start=np.array([0, dates]),
    )
    mean, covariance = band_statistics(many)
    np.testing.assert_allclose(mean, 0.095, atol=2e-4)
    np.testing.assert_allclose(np.sqrt(np.diag(covariance)), np.std(np.arange(20) / 100), rtol=5e-3)


def test_spread_of_logits_is_torchs(prepared, trained):
    data = ResidentSeries(open_fold(prepared, 3), CPU)
    batch = data.batch(torch.arange(len(data)))
    with torch.no_grad():
        embedded = trained.model.embed(batch.reflectance, batch.day_of_year, batch.valid)
        logits = trained.model.attention_logits(embedded)[:, batch.valid]
    found = torch.tensor(logit_spread(trained.model, data, size=17))
    torch.testing.assert_close(found, logits.std(1, correction=0), rtol=1e-4, atol=1e-6)


@given(
    seed=st.integers(0, 10**6),
    most=st.floats(0, 1),
    pixels=st.integers(1, 6),
    dates=st.integers(1, 9),
)
def test_dropping_leaves_a_date_and_shows_nothing_hidden(seed, most, pixels, dates):
    generator = torch.Generator().manual_seed(seed)
    valid = torch.rand(pixels, dates, generator=generator) > 0.4
    left = drop_dates(valid, most=most, generator=generator)
    assert not (left & ~valid).any()
    assert (left.any(1) == valid.any(1)).all()


def test_dropping_takes_half_of_its_limit_on_average():
    valid = torch.ones(4000, 50, dtype=torch.bool)
    left = drop_dates(valid, most=0.6, generator=torch.Generator().manual_seed(0))
    assert left.double().mean() == pytest.approx(0.7, abs=0.01)


def test_noise_has_its_spread_and_none_has_no_effect():
    reflectance = torch.zeros(200, 30, 10)
    noisy = add_noise(reflectance, sd=0.02, generator=torch.Generator().manual_seed(0))
    assert noisy.std() == pytest.approx(0.02, rel=0.02)
    still = add_noise(reflectance, sd=0.0, generator=torch.Generator().manual_seed(0))
    assert (still == reflectance).all()


def test_a_fold_that_is_not_there(prepared):
    with pytest.raises(DataError, match=r"no fold 9 to validate on .* found 1, 2, 3"):
        train_weights(prepared, TrainConfig(validation_fold=9), device=CPU)
