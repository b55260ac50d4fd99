"""A mask and its rivals on the same pixels, whatever the windows."""

import numpy as np
import pytest
import torch
from rasterio.windows import Window

from am4cm_cli.calibration import cloud_probability, fit_mixture
from am4cm_cli.errors import DataError, StackError
from am4cm_cli.rasters.masks import open_mask
from am4cm_cli.rasters.reading import read_window
from am4cm_cli.scores import BLUE_UNIT, CounterfactualConfig
from am4cm_cli.stacks.discovery import find_stack
from am4cm_cli.validation import judging
from am4cm_cli.validation.baselines import CONTROL, PLAIN, baselines
from am4cm_cli.validation.choices import ALL
from am4cm_cli.validation.evaluating import Rivals, evaluate_mask
from am4cm_cli.validation.methods import always_flag, mask_method
from am4cm_cli.validation.references import read_reference
from am4cm_cli.validation.scoreboard import scoreboards
from cloudy import DATES, SHAPE, bright_weights, write_cloudy
from stacks import write_image, write_mask

WHOLE = Window(0, 0, SHAPE[1], SHAPE[0])


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A stack, its true classes with some shadow, and a mask with some errors."""
    folder = tmp_path_factory.mktemp("site")
    cloud = write_cloudy(folder)
    stack = find_stack(str(folder / "images"))
    names = [scene.name for scene in stack.scenes]
    labels = np.where(cloud, 1, 0).astype(np.uint8)
    labels[cloud & (np.arange(SHAPE[0]) < 6)[:, None]] = 2
    labels[3, :4], labels[4, 5:7] = 3, 255
    write_image(folder / "truth.tif", labels, names=names)
    rng = np.random.default_rng(0)
    percent = np.clip(rng.normal(np.where(cloud, 80, 20), 20), 0, 100).astype(np.uint8)
    percent[6, :, 11:13] = 255
    write_mask(folder / "mask.tif", stack, percent)
    return folder, stack, names, labels, percent


def judged(site, methods_of):
    folder, stack, names, _, _ = site
    mask = open_mask(folder / "mask.tif")
    reference = read_reference(folder / "truth.tif", mask.grid)
    methods = methods_of(mask, stack, names)
    return methods, judging.judge(methods, reference, names, SHAPE)


def test_windows_change_nothing(site, monkeypatch):
    def methods_of(mask, stack, names):
        return [mask_method(mask, names), *baselines(stack, mask.grid, names, bright_weights())]

    _, whole = judged(site, methods_of)
    monkeypatch.setattr(judging, "WINDOW_BYTES", 1)
    _, tiled = judged(site, methods_of)
    for one, other in zip(whole, tiled, strict=True):
        np.testing.assert_array_equal(one.labels, other.labels)
        assert one.pixels == other.pixels == SHAPE[0] * SHAPE[1]
        assert one.counts.sum() == other.counts.sum()
    np.testing.assert_array_equal(whole[0].counts, tiled[0].counts)


def test_the_mask_is_counted_where_it_answers_and_the_reference_knows(site):
    _, _, _, labels, percent = site
    _, (found, always) = judged(
        site, lambda mask, stack, names: [mask_method(mask, names), always_flag(len(names))]
    )
    used = (percent != 255) & (labels != 255)
    for kind in range(4):
        histogram = np.bincount(percent[used & (labels == kind)], minlength=101)
        np.testing.assert_array_equal(found.counts[:, kind].sum(axis=(0, 1)), histogram)
        assert always.counts[:, kind, :, -1].sum() == histogram.sum()


def test_baselines_are_the_blue_band_and_its_own_smoothing(site):
    folder, stack, names, _, _ = site
    weights = bright_weights()
    found = {
        method.name: method
        for method in baselines(stack, open_mask(folder / "mask.tif").grid, names, weights)
    }
    blue = read_window(stack, ("B02",), WHOLE)[0][:, 0]
    np.testing.assert_allclose(found[PLAIN].read(WHOLE), blue, rtol=1e-6)
    drop = smoothed_drop(-blue.reshape(DATES, -1).astype(float) / BLUE_UNIT, stack.days)
    drop = mean_of_nine(drop.reshape(DATES, *SHAPE))
    mixture = fit_mixture(drop.ravel(), dates=DATES, prior=weights.calibration.prior)
    expected = cloud_probability(torch.from_numpy(drop), mixture)
    np.testing.assert_allclose(found[CONTROL].read(WHOLE), expected, atol=2e-3)


def mean_of_nine(images):
    """Over the 3 x 3 pixels around each, fewer at the edges."""
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)), constant_values=np.nan)
    return np.nanmean(np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (1, 2)), (-2, -1))


def smoothed_drop(index, days):
    """The counterfactual of a (T, P) index in plain sums, by design.md."""
    config = CounterfactualConfig()
    apart = np.abs(np.subtract.outer(days, days)) / config.width
    kernel = np.where((apart > 0) & (apart <= 3), np.exp(-(apart**2) / 2), 0)
    drop = index.mean(axis=0) - index
    for _ in range(config.rounds):
        trust = np.exp(-config.sharpness * (drop - drop.min(axis=0)))
        drop = (kernel @ (trust * index)) / (kernel @ trust) - index
    return drop


def test_the_masks_own_target_comes_first(site):
    methods, tallies = judged(
        site, lambda mask, stack, names: [mask_method(mask, names), always_flag(len(names))]
    )
    boards = scoreboards(methods, tallies, site[2], own="unusable")
    assert [board.target for board in boards] == ["unusable", "cloud"]
    rows = {(row.choice, row.method): row for row in boards[0].rows}
    # Of everything flagged, precision is the share that is flagged in the reference.
    every = rows[ALL, "always flag"]
    share = every.flagged / (every.clear + every.flagged)
    assert every.values["precision"].value == pytest.approx(share)
    assert every.values["auc"].value == 0.5
    assert not any(row.choice == "shadow" for row in boards[1].rows)


def test_dates_say_what_is_wrong_on_each(site):
    _, _, names, labels, percent = site
    methods, tallies = judged(site, lambda mask, stack, names: [mask_method(mask, names)])
    (board,) = [b for b in scoreboards(methods, tallies, names, own="cloud") if b.target == "cloud"]
    for row, date, found in zip(board.dates, labels, percent, strict=True):
        used = (found != 255) & np.isin(date, (0, 1, 2))
        assert row.false_alarms == (used & (date == 0) & (found >= 50)).sum()
        assert row.missed == (used & (date > 0) & (found < 50)).sum()
        assert row.unused == found.size - used.sum()
        assert row.wrong == pytest.approx((row.false_alarms + row.missed) / used.sum())


def test_scl_is_scored_for_each_target_by_its_own_classes(site, tmp_path):
    folder, _, names, labels, _ = site
    scl = np.array([4, 9, 10, 3, 5])[np.where(labels == 255, 4, labels)].astype(np.uint8)
    for name, date in zip(names, scl, strict=True):
        write_image(tmp_path / f"SCL_{name.replace('-', '')}.tif", date[None], nodata=0)
    mask = open_mask(folder / "mask.tif")
    reference = read_reference(folder / "truth.tif", mask.grid)
    found = evaluate_mask(mask, reference, Rivals(scl=tmp_path))
    for board in found.boards:
        (row,) = [r for r in board.rows if (r.method, r.choice) == ("SCL", ALL)]
        assert row.values["f1"].value == 1
        assert row.values["ece"].value == 0
    assert found.notes == ()


def test_dates_of_one_side_are_left_out_and_named(site, tmp_path):
    folder, _, names, labels, _ = site
    mask = open_mask(folder / "mask.tif")
    few = [*names[2:], "2019-05-01"]
    write_image(tmp_path / "t.tif", np.minimum(labels[1:], 2), names=few)
    found = evaluate_mask(mask, read_reference(tmp_path / "t.tif", mask.grid), Rivals())
    assert found.dates == tuple(names[2:])
    assert any(f"left out: {names[0]}, {names[1]}." in note for note in found.notes)
    assert any("left out: 2019-05-01." in note for note in found.notes)
    assert len(found.boards[0].dates) == DATES - 2


def test_a_reference_without_shadow_scores_cloud_alone(site, tmp_path):
    folder, _, names, labels, _ = site
    mask = open_mask(folder / "mask.tif")
    write_image(tmp_path / "t.tif", (labels == 1).astype(np.uint8), names=names)
    found = evaluate_mask(mask, read_reference(tmp_path / "t.tif", mask.grid), Rivals())
    assert [board.target for board in found.boards] == ["cloud"]
    assert any("tells no shadow" in note for note in found.notes)


def test_what_does_not_fit_is_named(site, tmp_path):
    folder, stack, names, labels, _ = site
    mask = open_mask(folder / "mask.tif")
    other = [f"2020{name[4:]}" for name in names]
    reference = read_reference(write_image(tmp_path / "t.tif", labels, names=other), mask.grid)
    with pytest.raises(DataError, match=r"t\.tif: none of its 14 dates"):
        evaluate_mask(mask, reference, Rivals())
    truth = read_reference(folder / "truth.tif", mask.grid)
    with pytest.raises(DataError, match="2020-01-01 is not among the 14 dates"):
        evaluate_mask(mask, truth, Rivals(), without=["2020-01-01"])
    for image in (folder / "images").glob("*2018010*.tif"):
        (tmp_path / image.name).symlink_to(image)
    for image in (folder / "images").glob("*20180[2-9]*.tif"):
        (tmp_path / image.name).symlink_to(image)
    (tmp_path / "t.tif").unlink()
    fewer = find_stack(str(tmp_path))
    assert len(fewer.scenes) < len(stack.scenes)
    with pytest.raises(StackError, match="a date of the mask"):
        baselines(fewer, mask.grid, names, bright_weights())
