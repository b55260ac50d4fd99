"""The tables of docs/peers.md: every rival on the same pixels, each with its own threshold."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine
from sklearn.metrics import f1_score, precision_score, recall_score, roc_auc_score

from am4cm_cli.validation.choices import choices

BENCH = Path(__file__).parents[1] / "bench/peers"
SHAPE = 7, 5, 6


@pytest.fixture
def peers(monkeypatch):
    """The modules of bench/peers, which import one another by name."""
    monkeypatch.syspath_prepend(str(BENCH))
    names = ["arrays", "rivals", "quality", "trials", "measured", "page"]
    yield {name: importlib.import_module(name) for name in names}
    # The names are common; no other test may meet them.
    for name in names:
        del sys.modules[name]


def make_rival(peers, name, *, seed, threshold=0.5, holes=0.0, is_graded=True):
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 101, SHAPE) / 100
    scores[rng.random(SHAPE) < holes] = np.nan
    scores = scores if is_graded else np.where(np.isnan(scores), np.nan, scores >= 0.5)
    both = dict.fromkeys(("cloud", "unusable"), scores)
    return peers["rivals"].Rival(name=name, scores=both, threshold=threshold, is_graded=is_graded)


def make_trial(peers):
    rivals = [
        make_rival(peers, "own", seed=0, holes=0.1),
        make_rival(peers, "graded", seed=1, threshold=0.4),
        make_rival(peers, "hard", seed=2, holes=0.2, is_graded=False),
    ]
    labels = np.random.default_rng(3).choice([0, 1, 2, 3, 4, 255], SHAPE).astype(np.uint8)
    return peers["quality"].Trial(
        rivals=peers["rivals"].on_common_pixels(rivals),
        labels=labels,
        dates=[f"2018-05-0{day}" for day in range(1, 8)],
    )


@pytest.mark.parametrize(("target", "kinds"), [("cloud", (1, 2)), ("unusable", (1, 2, 3))])
def test_measures_are_sklearns_on_pixels_where_all_have_an_answer(peers, target, kinds):
    trial = make_trial(peers)
    every = [rival.scores[target] for rival in trial.rivals]
    used = np.isin(trial.labels, (0, *kinds)) & ~np.isnan(every).any(axis=0)
    truth = trial.labels[used] > 0
    choice = choices(trial.tallies(target)[0].labels)[0]
    assert peers["quality"].pixels(trial, target) == (7, (~truth).sum(), truth.sum())
    found = peers["quality"].rows(trial, target, choice)
    for row, rival in zip(found, trial.rivals, strict=True):
        flagged = rival.scores[target][used] >= rival.threshold
        assert row.values["f1"].value == pytest.approx(f1_score(truth, flagged))
        assert row.values["precision"].value == pytest.approx(precision_score(truth, flagged))
        assert row.values["recall"].value == pytest.approx(recall_score(truth, flagged))
        assert row.values["f1"].low <= row.values["f1"].value <= row.values["f1"].high
    assert found[1].values["auc"].value == pytest.approx(
        roc_auc_score(truth, trial.rivals[1].scores[target][used]), abs=1e-3
    )
    assert "auc" not in found[2].values
    ahead = found[0].values["f1"].value - found[2].values["f1"].value
    assert found[2].ahead["f1"].value == pytest.approx(ahead)
    assert not found[0].ahead


def test_shares_are_of_each_kind_of_pixel_and_of_each_date(peers):
    trial = make_trial(peers)
    rival = trial.rivals[1]
    scores = rival.scores["cloud"]
    shares = dict(peers["quality"].shares(trial, "cloud"))["graded"]
    for share, kind in zip(shares, (0, 1, 2, 3), strict=True):
        used = ~np.isnan(scores) & (trial.labels == kind)
        assert share == pytest.approx(np.mean([score >= 0.4 for score in scores[used]]))
    by_date = dict(peers["quality"].date_shares(trial, 1))["graded"]
    thick = ~np.isnan(scores) & (trial.labels == 1)
    expected = [(scores[t][thick[t]] >= 0.4).mean() for t in range(7) if thick[t].any()]
    assert by_date == pytest.approx(expected)


def test_peers_are_met_by_date_and_not_by_place(peers, tmp_path):
    arrays = peers["arrays"]
    write_scenes(tmp_path / "images")
    stack = arrays.find_stack(tmp_path / "images")
    classes = np.arange(3)[:, None, None] * np.ones((3, 4, 6), np.uint8)
    np.savez(
        tmp_path / "ukis.npz", date=["2018-05-09", "2018-05-04", "2017-01-01"], classes=classes
    )
    found = peers["rivals"].at_scenes(tmp_path / "ukis.npz", "classes", stack)
    assert np.isnan(found[1]).all()
    assert (found[0] == 1).all()
    assert (found[2] == 0).all()


def test_mirrored_images_show_each_corner_where_the_halves_meet(peers, tmp_path):
    write_scenes(tmp_path / "images")
    paths = sorted((tmp_path / "images").glob("*.tif"))
    peers["arrays"].mirror_images(paths, tmp_path / "large")
    with rasterio.open(paths[0]) as small, rasterio.open(tmp_path / "large" / paths[0].name) as big:
        dn, mirrored = small.read(), big.read()
        assert big.transform == small.transform
    assert mirrored.shape == (2, 8, 12)
    for part in (mirrored[:, :, ::-1], mirrored[:, ::-1], mirrored):
        assert (part[:, :4, :6] == dn).all()


def write_scenes(folder):
    folder.mkdir()
    rng = np.random.default_rng(4)
    profile = {"driver": "GTiff", "count": 2, "height": 4, "width": 6, "dtype": "uint16"}
    profile |= {"crs": "EPSG:32631", "transform": Affine(10, 0, 5e5, 0, -10, 5e6)}
    for day in ("04", "06", "09"):
        with rasterio.open(folder / f"S2_201805{day}.tif", "w", **profile) as raster:
            raster.write(rng.integers(1, 9000, (2, 4, 6), np.uint16))
            raster.descriptions = ("B02", "B08")


def test_a_difference_is_bold_where_its_interval_leaves_out_zero(peers):
    value = peers["quality"].Value
    assert peers["page"].ahead(value(0.02, 0.01, 0.03)) == "**+0.020 (+0.010 to +0.030)**"
    assert peers["page"].ahead(value(-0.02, -0.05, 0.01)) == "-0.020 (-0.050 to +0.010)"
    assert peers["page"].ahead(value(2e-4, 1e-4, 3e-4)) == "+0.000 (+0.000 to +0.000)"
    assert peers["page"].ahead(value(np.nan, np.nan, np.nan)) == ""
