"""Measures without a reference, by hand and by a second way."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from am4cm_cli.errors import StackError
from am4cm_cli.rasters.masks import open_mask
from am4cm_cli.stacks.discovery import find_stack
from am4cm_cli.validation.heads import agreement
from am4cm_cli.validation.smoothness import jumps, residuals
from am4cm_cli.validation.unlabelled import few_windows, look, nearly_always
from cloudy import SHAPE, bright_weights, write_cloudy
from stacks import write_mask, write_stack

DAYS = np.array([0, 10, 20, 60, 70])


def test_jumps_are_the_distance_from_the_line_between_neighbours():
    series = np.array([[0.1], [0.9], [0.2], [0.5], [0.5]])
    seen = np.ones((5, 1), bool)
    # Only the first three dates are a triple: the fourth comes 40 days after the third.
    found = jumps(series, seen, seen, DAYS)
    assert found.all == pytest.approx(0.75)
    assert found.all_triples == 1
    kept = seen.copy()
    kept[1] = False
    assert np.isnan(jumps(series, seen, kept, DAYS).kept)


def test_jumps_weigh_neighbours_by_their_days():
    days = np.array([0, 5, 20])
    series = np.array([[0.0, 1.0], [0.0, 1.0], [0.4, 1.0]])
    seen = np.ones((3, 2), bool)
    found = jumps(series, seen, seen, days)
    assert found.kept_triples == 2
    assert found.kept == pytest.approx((0.1 + 0.0) / 2)


def test_residuals_are_against_the_median_of_the_other_kept():
    days = np.arange(6) * 5
    series = np.array([[0.1, 0.2, 0.3, 0.4, 0.9, 5.0]]).T
    kept = np.array([[1, 1, 1, 1, 0, 0]], bool).T
    seen = np.array([[1, 1, 1, 1, 1, 0]], bool).T
    found = residuals(series, seen, kept, days)
    levels = [0.3, 0.3, 0.2, 0.2]
    expected = np.sqrt(np.mean((np.array([0.1, 0.2, 0.3, 0.4]) - levels) ** 2))
    assert found.kept == pytest.approx(expected)
    assert found.flagged == pytest.approx(0.9 - 0.25)
    assert (found.kept_count, found.flagged_count) == (4, 1)


def test_pixels_flagged_on_nearly_every_date():
    seen = np.ones((6, 4), bool)
    seen[2:, 3] = False  # two dates say nothing
    kept = np.zeros((6, 4), bool)
    kept[:, 0], kept[0, 1] = True, True  # never; on five of six dates; always
    assert nearly_always(seen, kept) == pytest.approx(2 / 3)
    assert np.isnan(nearly_always(np.zeros((6, 4), bool), kept))


def test_heads_agree_by_rank():
    rng = np.random.default_rng(0)
    drops = rng.normal(size=(3, 200))
    drops[1] += drops[0] ** 3
    expected = spearmanr(drops.T).statistic
    found = agreement(np.insert(drops, 7, np.nan, axis=1))
    others = (expected.sum(axis=0) - 1) / 2
    assert found.mean == pytest.approx(others.mean())
    assert found.lowest == pytest.approx(others.min())
    assert agreement(np.stack([drops[0], np.exp(drops[0])])).mean == pytest.approx(1)
    assert np.isnan(agreement(drops[:1]).mean)
    assert np.isnan(agreement(np.zeros((2, 9))).mean)


@pytest.mark.parametrize("shape", [(5, 7), (80, 81), (256, 256), (300, 1000)])
def test_a_sample_is_small_and_within_the_grid(shape):
    hits = np.zeros(shape, int)
    for window in few_windows(shape):
        hits[window.toslices()] += 1
    assert hits.max() == 1
    assert 0 < hits.sum() <= 16384
    assert hits.any(axis=1)[-shape[0] // 8 :].any()


def test_a_good_mask_keeps_what_is_smooth(tmp_path):
    cloud = write_cloudy(tmp_path)
    stack = find_stack(str(tmp_path / "images"))
    percent = np.where(cloud, 97, 3).astype(np.uint8)
    good = look(open_mask(write_mask(tmp_path / "m.tif", stack, percent)), stack, bright_weights())
    bad = look(
        open_mask(write_mask(tmp_path / "b.tif", stack, percent[:, ::-1, ::-1])),
        stack,
        bright_weights(),
    )
    assert good.dates == len(cloud)
    assert good.pixels == SHAPE[0] * SHAPE[1]
    assert good.flagged == pytest.approx(cloud.mean())
    assert good.nearly_always == 0
    assert good.jumps["B02"].kept < 0.02 < bad.jumps["B02"].all / 5
    assert good.residuals["B02"].kept < 0.02 < bad.residuals["B02"].kept
    assert good.residuals["B08"].flagged > 0.1
    # Both heads of these weights look for the same, but for their unit, and so their sharpness.
    assert good.heads.heads == 2
    assert good.heads.mean > 0.95


def test_a_stack_without_blue_and_nir_is_refused(tmp_path):
    write_stack(tmp_path / "images", bands=("B03", "B04", "B11"))
    stack = find_stack(str(tmp_path / "images"))
    mask = open_mask(write_mask(tmp_path / "m.tif", stack, np.zeros((3, 7, 5), np.uint8)))
    with pytest.raises(StackError, match="expected B02, B08 or B8A"):
        look(mask, stack, bright_weights())
