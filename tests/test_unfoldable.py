"""Weights whose attention is not affine in reflectance, by the command line."""

import sys
from dataclasses import replace

import numpy as np
import pytest
import rasterio

from am4cm_cli.app import main
from am4cm_cli.errors import WeightsError
from am4cm_cli.serving import serve
from am4cm_cli.stacks.discovery import find_stack
from am4cm_cli.weights import load_weights, save_weights
from cloudy import DATES, bright_weights, write_cloudy
from networks import mlp_twin, untrained
from stacks import every_days, write_image


@pytest.fixture
def run(capfd, monkeypatch):
    def run_main(*words):
        monkeypatch.setattr(sys, "argv", ["am4cm", *map(str, words)])
        with pytest.raises(SystemExit) as stop:
            main()
        return stop.value.code or 0, capfd.readouterr()

    return run_main


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A stack, and the same attention as a linear model and as a network with an MLP."""
    folder = tmp_path_factory.mktemp("site")
    cloud = write_cloudy(folder)
    linear = bright_weights()
    save_weights(folder / "linear.safetensors", linear)
    save_weights(folder / "mlp.safetensors", replace(linear, model=mlp_twin(linear.model)))
    rng = np.random.default_rng(3)
    labels = np.where(rng.random(cloud.shape) < 0.1, ~cloud, cloud).astype(np.uint8)
    write_image(folder / "truth.tif", labels, names=every_days(DATES, step=8))
    return folder


@pytest.fixture
def mask(run, site, tmp_path):
    def run_mask(name, out, *options):
        weights = ("--weights", site / f"{name}.safetensors")
        code, printed = run("mask", site / "images", tmp_path / out, *weights, *options)
        assert code == 0, printed.err
        with rasterio.open(tmp_path / out) as raster:
            return raster.read().astype(int)

    return run_mask


def test_an_mlp_masks_as_the_linear_model_that_it_equals(mask, tmp_path):
    linear = mask("linear", "linear.tif", "--target", "unusable")
    mlp = mask("mlp", "mlp.tif", "--target", "unusable", "--threads", 1)
    assert np.abs(linear - mlp).max() <= 1
    assert np.ptp(mlp) > 90
    mask("mlp", "tiled.tif", "--target", "unusable", "--threads", 2, "--tile", 16)
    assert (tmp_path / "tiled.tif").read_bytes() == (tmp_path / "mlp.tif").read_bytes()


def test_attention_itself_masks_by_an_mlp(mask, tmp_path):
    percent = mask("mlp", "raw.tif", "--method", "attention", "--attention", tmp_path / "own.tif")
    assert np.ptp(percent) > 50
    with rasterio.open(tmp_path / "own.tif") as raster:
        np.testing.assert_allclose(np.nansum(raster.read(), axis=0), 1, atol=1e-5)


def test_an_mlp_is_explained(run, site, tmp_path):
    words = (site / "images", 3, 4, "--pixel", "--csv", tmp_path / "pixel.csv")
    code, printed = run("explain", *words, "--weights", site / "mlp.safetensors")
    assert code == 0, printed.err
    assert len((tmp_path / "pixel.csv").read_text().splitlines()) == 1 + DATES


def test_a_reference_is_learned_by_an_mlp_and_its_mask_evaluated(run, mask, site, tmp_path):
    mask("mlp", "out.tif")
    mapped = ("--map", "0=clear,1=thick")
    weights = ("--weights", site / "mlp.safetensors")
    code, printed = run("evaluate", tmp_path / "out.tif", "--images", site / "images", *weights)
    assert code == 0, printed.err
    mine = tmp_path / "mine.safetensors"
    code, printed = run("calibrate", site / "images", site / "truth.tif", mine, *mapped, *weights)
    assert code == 0, printed.err
    assert load_weights(mine).model.config.embedding == "mlp"


def test_mask_refuses_dates_that_know_of_one_another_in_one_line(run, site, tmp_path):
    save_weights(tmp_path / "w.safetensors", untrained("compat-112k"))
    out = tmp_path / "out.tif"
    code, printed = run("mask", site / "images", out, "--weights", tmp_path / "w.safetensors")
    assert code == 1
    assert len(printed.err.splitlines()) == 1
    assert "all dates of a series together" in printed.err
    assert "--model default" in printed.err
    assert printed.out == ""
    assert not out.exists()


def test_bands_that_tell_an_mlp_too_little_are_refused(site):
    stack = find_stack(site / "images")
    weights = load_weights(site / "mlp.safetensors")
    apart = tuple(map(tuple, np.eye(10).tolist()))  # no band tells of another
    apart = replace(weights, calibration=replace(weights.calibration, band_covariance=apart))
    green = replace(stack, bands=("B03", "B04", "B08"))
    with pytest.raises(WeightsError, match=r"tell 0% of what the attention of the weights mlp"):
        serve(green, apart)
    assert serve(stack, apart).bands == stack.bands
