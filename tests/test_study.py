"""The study measures the mask itself, and its variations are what they say."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.ndimage import generic_filter

STUDY = Path(__file__).parents[1] / "bench" / "study"


@pytest.fixture(autouse=True)
def study(monkeypatch):
    monkeypatch.syspath_prepend(str(STUDY))
    before = set(sys.modules)
    yield
    # Names such as `series` are the bench's own; nothing else shall find them.
    for name in set(sys.modules) - before:
        file = getattr(sys.modules[name], "__file__", None)
        if file and Path(file).parent == STUDY:
            del sys.modules[name]


def some_scores():
    scores = np.random.default_rng(0).normal(size=(3, 7, 9)).astype(np.float32)
    scores[0, 2, 3] = scores[2, 0, 0] = np.nan
    return scores


def test_supports_are_the_mean_and_the_median_of_the_known():
    import supports

    scores = some_scores()
    for support, side, of in (
        (supports.mean_5, 5, np.nanmean),
        (supports.median_3, 3, lambda v: np.nanquantile(v, 0.5, method="lower")),
    ):
        found = support(torch.from_numpy(scores)).numpy()
        for date, answer in zip(scores, found, strict=True):
            wanted = generic_filter(date, of, size=side, mode="constant", cval=np.nan)
            wanted[np.isnan(date)] = np.nan
            np.testing.assert_allclose(answer, wanted, atol=1e-5)


def test_neighbours_on_one_side_are_those_before_or_after():
    import ablations

    days = np.array([3, 8, 8, 20])
    past, future = ablations.past(days), ablations.future(days)
    assert past.tolist() == [[0, 0, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0], [1, 1, 1, 0]]
    assert (future == past.T).all()


@pytest.mark.parametrize(("dates", "count"), [(118, 5), (48, 40), (30, 12), (7, 8)])
def test_parts_hold_every_date_once(dates, count):
    import ablations

    for split in (ablations.in_a_row, ablations.spread_out):
        parts = split(dates, count)
        assert sorted(np.concatenate(parts).tolist()) == list(range(dates))
        assert max(map(len, parts)) - min(map(len, parts)) <= 1
    row, spread = ablations.in_a_row(dates, count), ablations.spread_out(dates, count)
    assert all((np.diff(part) == 1).all() for part in row)
    assert all((np.diff(part) == len(spread)).all() for part in spread)


def test_shipped_joins_are_those_of_the_library():
    import parts

    from am4cm_cli.scores.joint import TYPICAL_MODE, join

    evidence = torch.randn(4, 3, 5, 7, generator=torch.Generator().manual_seed(1))
    cloud, shadow = join(evidence, TYPICAL_MODE)
    torch.testing.assert_close(parts.both(evidence, TYPICAL_MODE)[0], cloud)
    torch.testing.assert_close(parts.dark(evidence, TYPICAL_MODE)[0], shadow)


def test_indices_are_as_widely_spread_and_fall_with_the_blue():
    import indices

    from am4cm_cli.weights import load_weights
    from am4cm_cli.weights_header import default_weights

    weights = load_weights(default_weights())
    covariance = np.array(weights.calibration.band_covariance)
    wanted = indices.network(weights).numpy()
    others = [*indices.without_network(weights).values(), *indices.at_random(weights)]
    for index in (other.numpy() for other in others):
        assert index @ covariance @ index == pytest.approx(wanted @ covariance @ wanted, rel=1e-4)
        assert (covariance @ index)[0] < 0
    assert torch.allclose(indices.of_heads(weights).mean(0), indices.network(weights), atol=1e-5)


def test_variant_is_the_mask_that_is_written(tmp_path):
    import rasterio
    import series
    import variants

    from am4cm_cli.masking import MaskConfig, MaskFiles, mask_stack
    from am4cm_cli.stacks.discovery import find_stack
    from am4cm_cli.weights import load_weights
    from am4cm_cli.weights_header import default_weights

    stack = find_stack(simulate(tmp_path))
    weights = load_weights(default_weights())
    whole = series._labelled("site", stack, weights, np.zeros((9, 24, 24), np.uint8))
    answer = variants.ask(variants.Variant(), whole, weights)
    for target in ("cloud", "unusable"):
        out = tmp_path / f"{target}.tif"
        config = MaskConfig(target=target, dtype="float32")
        files = MaskFiles(probability=out)
        mask_stack(stack, files, weights, config, device=torch.device("cpu"))
        with rasterio.open(out) as raster:
            # The mask looks its probabilities up in a table.
            np.testing.assert_allclose(raster.read(), answer.probability(target), atol=5e-4)


def simulate(folder):
    from typer.testing import CliRunner

    from am4cm_cli.app import app

    words = ["simulate", str(folder / "site"), "--size", "24", "--dates", "9", "--seed", "3"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    return folder / "site"
