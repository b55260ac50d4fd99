"""Training in one process: what is learned, from which folds, and how."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.utils.class_weight import compute_class_weight

from am4cm_cli.chance import Draws
from am4cm_cli.datasets.batches import ResidentSeries
from am4cm_cli.datasets.pixels import NODATA, SCALE, PixelSeries, join, read_index
from am4cm_cli.errors import Am4cmError, DataError
from am4cm_cli.evaluation import evaluate
from am4cm_cli.ranks import Ranks
from am4cm_cli.training import Run, TrainConfig, metrics_json, rotation, rotations, train_fold
from am4cm_cli.training.augmentation import add_noise, drop_bands, drop_dates, shade
from am4cm_cli.training.fitting import Task, batch_loss, class_weights, kept_epoch
from am4cm_cli.training.history import Epoch
from am4cm_cli.training.schedule import one_cycle
from am4cm_cli.training.statistics import band_statistics, logit_spread
from am4cm_cli.weights import load_weights, save_weights
from prepared_folds import CLASSES, parts_of, write_folds

CPU = torch.device("cpu")
ALONE = Ranks(device=CPU)
RUN = Run(ranks=ALONE)
QUICK = TrainConfig(epochs=4, batch=16, noise=0.01)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    write_folds(folder, series=61)
    return folder


@pytest.fixture(scope="module")
def trained(folder):
    return train_fold(folder, 4, QUICK, RUN)


def task(folder, **changes):
    data = ResidentSeries(parts_of(folder, 1, 2), CPU)
    config = replace(QUICK, **changes)
    return Task(train=data, validation=data, classes=3, config=config, ranks=ALONE)


def saved(path, trained):
    save_weights(path, trained.weights)
    return path.read_bytes()


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(folder, trained, tmp_path):
    again = train_fold(folder, 4, QUICK, RUN)
    assert saved(tmp_path / "a", trained) == saved(tmp_path / "b", again)
    other = train_fold(folder, 4, replace(QUICK, seed=1, epochs=1), RUN)
    assert not torch.equal(other.weights.model.query, trained.weights.model.query)


@pytest.mark.parametrize("changes", [{"class_weights": "balance"}, {"keep": "first"}])
def test_a_word_that_means_nothing_is_a_bug(changes):
    with pytest.raises(AssertionError):
        TrainConfig(**changes)


def test_a_seed_may_be_of_any_length(folder):
    long = replace(QUICK, seed=10**30, epochs=1)
    assert train_fold(folder, 4, long, RUN).weights.record["training"]["seed"] == 10**30


def test_streamed_from_files_it_gives_the_same_bytes(folder, trained, tmp_path):
    streamed = train_fold(folder, 4, QUICK, replace(RUN, memory=0))
    assert saved(tmp_path / "a", trained) == saved(tmp_path / "b", streamed)


def test_it_learns_three_crops_apart(trained):
    scores = trained.weights.record["scores"]
    assert scores["overall_accuracy"] > 0.9
    losses = trained.weights.record["losses"]
    assert losses[-1] < 0.5 * losses[0]


def test_the_folds_turn_as_in_the_benchmark(folder):
    turns = rotations(folder, read_index(folder))
    assert {k: (v.train, v.validation, v.test) for k, v in turns.items()} == {
        1: ((1, 2, 3), 4, 5),
        2: ((2, 3, 4), 5, 1),
        3: ((3, 4, 5), 1, 2),
        4: ((4, 5, 1), 2, 3),
        5: ((5, 1, 2), 3, 4),
    }


@given(folds=st.integers(3, 7))
def test_every_fold_is_tested_once_and_never_seen_before(folds):
    index = read_index_of(folds)
    turns = rotations("data", index).values()
    assert sorted(turn.test for turn in turns) == sorted(index.folds)
    for turn in turns:
        assert sorted((*turn.train, turn.validation, turn.test)) == sorted(index.folds)


def read_index_of(folds):
    class Index:
        series = (9,) * folds

    Index.folds = tuple(range(1, folds + 1))
    return Index


def test_folds_without_series_take_no_turn(tmp_path):
    index = write_folds(tmp_path, folds=6, empty=(2, 5))
    turn = rotation(tmp_path, index, 3)
    assert (turn.train, turn.validation, turn.test) == ((3, 4), 6, 1)
    with pytest.raises(DataError, match="no fold 2 with series; found 1, 3, 4, 6"):
        rotation(tmp_path, index, 2)


def test_fewer_than_three_folds_are_refused(tmp_path):
    write_folds(tmp_path, folds=3, empty=(1,))
    with pytest.raises(DataError, match=r"found 2 folds with series \(2, 3\), expected at least 3"):
        train_fold(tmp_path, 2, QUICK, RUN)


def test_the_record_counts_the_test_fold_alone(folder, trained):
    (part,) = parts_of(folder, 3)
    scores = trained.weights.record["scores"]
    assert scores["folds"] == [3]
    assert scores["series"] == len(part.target)
    assert np.sum(scores["confusion"], axis=1).tolist() == np.bincount(part.target).tolist()
    data = ResidentSeries([part], CPU)
    found = evaluate(trained.weights.model, data, classes=3, ranks=ALONE)
    assert found.confusion.counts.tolist() == scores["confusion"]


def test_the_epoch_is_chosen_by_the_validation_fold(folder):
    rough = replace(QUICK, rate=0.05, epochs=6)
    best = train_fold(folder, 1, rough, RUN)
    mean_ious = [epoch.validation_mean_iou for epoch in best.history]
    kept = best.weights.record["rotation"]["epoch"]
    assert mean_ious[kept - 1] == max(mean_ious)
    data = ResidentSeries(parts_of(folder, 4), CPU)
    found = evaluate(best.weights.model, data, classes=3, ranks=ALONE)
    assert found.confusion.mean_iou == max(mean_ious)
    last = train_fold(folder, 1, replace(rough, keep="last"), RUN)
    assert last.weights.record["rotation"]["epoch"] == 6
    found = evaluate(last.weights.model, data, classes=3, ranks=ALONE)
    assert found.confusion.mean_iou == mean_ious[-1]


def test_of_equal_epochs_the_latest_is_kept():
    epochs = [epoch_with(n, score) for n, score in enumerate([0.2, 0.7, 0.7, 0.5], start=1)]
    assert kept_epoch(epochs, QUICK) == 3
    assert kept_epoch(epochs, replace(QUICK, keep="last")) == 4


def epoch_with(number, mean_iou):
    facts = dict.fromkeys(
        ("train_loss", "validation_loss", "validation_accuracy", "learning_rate"), 0.0
    )
    return Epoch(epoch=number, validation_mean_iou=mean_iou, series_per_second=1.0, **facts)


def test_metrics_are_json_and_saved_weights_carry_them(trained, tmp_path):
    weights = trained.weights
    assert json.loads(metrics_json(weights)) == json.loads(json.dumps(weights.record))
    save_weights(tmp_path / "w", weights)
    assert load_weights(tmp_path / "w").record["scores"] == weights.record["scores"]


def test_each_series_is_trained_on_once_an_epoch(folder):
    class Counting(ResidentSeries):
        def stream(self, indices):
            for batch in super().stream(indices):
                if torch.is_grad_enabled():
                    seen.append(batch.series)
                yield batch

    seen = []
    data = Counting(parts_of(folder, 1, 2), CPU)
    job = replace(task(folder, epochs=2), train=data, validation=data)
    fit_one(job)
    orders = torch.cat(seen).reshape(2, len(data))
    assert (orders.sort(dim=1).values == torch.arange(len(data))).all()
    assert not torch.equal(*orders)


def fit_one(job):
    from am4cm_cli.models import build
    from am4cm_cli.training.fitting import fit, new_state

    facts = {"bands": ("B02", "B04", "B08", "B11"), "mean": (0.2,) * 4, "std": (0.1,) * 4}
    state = new_state(build("9k", classes=CLASSES, **facts), job.config)
    fit(state, job)
    return state


def test_a_rate_that_tears_the_training_apart_is_told(folder):
    with pytest.raises(Am4cmError, match=r"--rate 1e\+30: the training came apart"):
        fit_one(task(folder, rate=1e30))


@given(steps=st.integers(1, 90), rate=st.floats(1e-5, 1))
def test_the_schedule_is_torchs(steps, rate):
    optimiser = torch.optim.AdamW([torch.zeros(1, requires_grad=True)])
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=rate, total_steps=steps)
    for step in range(steps):
        group = optimiser.param_groups[0]
        expected = group["lr"], group["betas"][0]
        np.testing.assert_allclose(one_cycle(step, steps=steps, rate=rate), expected, rtol=1e-9)
        optimiser.step()  # torch warns of a schedule that is ahead of its optimiser
        if step < steps - 1:
            schedule.step()


def test_balanced_weights_are_scikit_learns(folder):
    job = task(folder, class_weights="balanced")
    target = job.train.targets.numpy()
    expected = compute_class_weight("balanced", classes=np.arange(3), y=target)
    np.testing.assert_allclose(class_weights(job).numpy(), expected, rtol=1e-6)
    more = class_weights(replace(job, classes=4))
    assert more[3] == 0
    assert class_weights(task(folder)).tolist() == [1, 1, 1]


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_parts_of_a_loss_sum_to_torchs(folder, smoothing):
    logits, target = torch.randn(11, 3), torch.tensor([0, 1, 2, 2, 2, 1, 0, 0, 2, 1, 1])
    weight = torch.tensor([0.5, 2.0, 1.0])
    job = task(folder, label_smoothing=smoothing)
    expected = torch.nn.functional.cross_entropy(logits, target, weight, label_smoothing=smoothing)
    torch.testing.assert_close(batch_loss(logits, target, job, weight=weight), expected)


def test_statistics_of_bands_are_numpys(folder):
    series = join(parts_of(folder, 1, 3))
    observed = series.reflectance[series.reflectance[:, 0] != NODATA] * SCALE
    mean, covariance = band_statistics(parts_of(folder, 1, 3))
    np.testing.assert_allclose(mean, observed.mean(0))
    np.testing.assert_allclose(covariance, np.cov(observed, rowvar=False))


def test_statistics_of_many_series_see_all_dates_of_all_parts():
    # Twenty dates that get brighter; any stride through the series would meet only some of them.
    parts = [brightening(100_000, plus=0), brightening(50_000, plus=3000)]
    mean, covariance = band_statistics(parts)
    np.testing.assert_allclose(mean, 0.095 + 0.1, atol=4e-4)
    expected = np.sqrt(np.var(np.arange(20) / 100) + 0.3**2 * 2 / 9)
    np.testing.assert_allclose(np.sqrt(np.diag(covariance)), expected, rtol=5e-3)


def brightening(series, *, plus, dates=20):
    brightness = np.tile(np.arange(dates, dtype=np.int16) * 100 + plus, series).astype(np.int16)
    return PixelSeries(
        reflectance=np.stack([brightness, brightness], axis=1),
        calendar=np.zeros(series, np.int32),
        target=np.zeros(series, np.int16),
        group=np.zeros(series, np.int64),
        pixel=np.arange(series, dtype=np.int32),
        days=np.arange(dates, dtype=np.int32),
        calendar_start=np.array([0, dates]),
    )


def test_spread_of_logits_is_torchs(folder, trained):
    data = ResidentSeries(parts_of(folder, 3), CPU)
    batch, model = data.batch(torch.arange(len(data))), trained.weights.model
    with torch.no_grad():
        embedded = model.embed(batch.reflectance, batch.day_of_year, batch.valid)
        logits = model.attention_logits(embedded)[:, batch.valid]
    found = torch.tensor(logit_spread(model, data, size=17))
    torch.testing.assert_close(found, logits.std(1, correction=0), rtol=1e-4, atol=1e-6)


def draws(series, seed=0):
    return Draws(series=torch.arange(series), seed=seed, epoch=0)


@given(
    seed=st.integers(0, 10**6),
    most=st.floats(0, 1),
    pixels=st.integers(1, 6),
    dates=st.integers(1, 9),
)
def test_dropping_leaves_a_date_and_shows_nothing_hidden(seed, most, pixels, dates):
    valid = torch.rand(pixels, dates, generator=torch.Generator().manual_seed(seed)) > 0.4
    left = drop_dates(valid, most=most, draws=draws(pixels, seed))
    assert not (left & ~valid).any()
    assert (left.any(1) == valid.any(1)).all()


def test_dropping_takes_half_of_its_limit_on_average():
    left = drop_dates(torch.ones(4000, 50, dtype=torch.bool), most=0.6, draws=draws(4000))
    assert left.double().mean() == pytest.approx(0.7, abs=0.01)


def test_noise_has_its_spread_and_none_has_no_effect():
    reflectance = torch.zeros(200, 30, 10)
    assert add_noise(reflectance, sd=0.02, draws=draws(200)).std() == pytest.approx(0.02, rel=0.02)
    assert (add_noise(reflectance, sd=0.0, draws=draws(200)) == reflectance).all()


def test_shade_darkens_a_share_of_the_dates_in_all_bands_alike():
    seen = shade(torch.full((3000, 7, 5), 2.0), share=0.3, draws=draws(3000))
    assert (seen == seen[..., :1]).all()
    light = seen[..., 0] / 2
    assert (light < 1).float().mean() == pytest.approx(0.3, abs=0.02)
    assert 0.1 <= light.min() < 0.12 < 0.68 < light[light < 1].max() <= 0.7
    assert light[light < 1].mean() == pytest.approx(0.4, abs=0.01)
    assert (shade(seen, share=0.0, draws=draws(3000)) == seen).all()


def test_a_share_of_series_show_the_mean_in_some_bands_on_all_dates():
    mean = torch.tensor([0.1, 0.2, 0.3, 0.4, 0.5])
    seen = drop_bands(torch.full((3000, 7, 5), 9.0), share=0.4, mean=mean, draws=draws(3000))
    hidden = (seen == mean).all(1)
    assert ((seen == 9).all(1) | hidden).all()
    assert not hidden.all(1).any()
    # 0.4 of the series, 1/2 of the bands, but one of five always stays: P(all lost) = 1/6 each.
    assert hidden.double().mean() == pytest.approx(0.4 * (1 / 2 - 1 / 6 / 5), abs=0.015)


@pytest.mark.parametrize("model", ["mlp", "compat-9k"])
def test_every_kind_of_model_trains(folder, model, tmp_path):
    config = replace(QUICK, model=model, epochs=1, class_weights="balanced", drop_bands=0.5)
    found = train_fold(folder, 2, replace(config, label_smoothing=0.1), RUN)
    save_weights(tmp_path / "w", found.weights)
    assert load_weights(tmp_path / "w").record["training"]["model"] == model
