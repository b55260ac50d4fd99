"""Apple's GPU: what goes there is what it can take, and the answers are the CPU's.

The device is the pretended one of metal.py; of the real one only the arithmetic differs.
"""

from dataclasses import replace

import numpy as np
import pytest
import rasterio
import torch

from am4cm_cli.evaluation import score_fold
from am4cm_cli.explaining import explain_pixel
from am4cm_cli.masking import mask_stack
from am4cm_cli.orders import MaskConfig, MaskFiles, Resources
from am4cm_cli.places import find_place
from am4cm_cli.ranks import Ranks
from am4cm_cli.stacks.discovery import find_stack
from am4cm_cli.training import Run, TrainConfig, train_fold
from am4cm_cli.weights import load_weights
from am4cm_cli.weights_header import default_weights
from metal import MPS, SEEN, has_kernel, metal
from prepared_folds import write_folds
from stacks import every_days, random_dn, write_stack

LAYERS = ("probability", "classes", "reliability", "attention")


def test_the_pretended_device_refuses_what_the_real_one_does():
    with metal():
        there = torch.arange(3.0).to(MPS)
        assert there.device == MPS
        assert torch.zeros(2, device="mps").device == MPS
        assert there.cpu().device.type == "cpu"
        assert (there * 2 + 1).tolist() == [1, 3, 5]
        for refused in (
            lambda: torch.zeros(2, dtype=torch.float64).to(MPS),
            lambda: there.double(),
            lambda: torch.zeros(2, dtype=torch.float64, device=MPS),
            lambda: there.numpy(),
        ):
            with pytest.raises(TypeError):
                refused()
        with pytest.raises(RuntimeError, match="same device"):
            there + torch.ones(3)
    assert has_kernel("mm")
    assert not has_kernel("linalg_eig")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    dn = random_dn((9, 10, 70, 60))
    dn[2, :, 30:40] = 0  # not observed
    write_stack(folder / "in", days=every_days(9, step=9), dn=dn)
    return folder


def masked(site, out, device, *, layers=LAYERS, **options):
    out.mkdir()
    mask_stack(
        find_stack(site / "in"),
        MaskFiles(**{name: out / f"{name}.tif" for name in layers}),
        load_weights(default_weights()),
        MaskConfig(**options),
        Resources(tile=64),
        device=device,
    )
    rasters = {}
    for name in layers:
        with rasterio.open(out / f"{name}.tif") as raster:
            rasters[name] = raster.read()
    return rasters


def test_a_mask_and_all_beside_it_are_the_cpus(site, tmp_path):
    expected = masked(site, tmp_path / "cpu", torch.device("cpu"))
    with metal() as device:
        found = masked(site, tmp_path / "mps", device)
    assert {"bmm", "index_select"} <= SEEN
    for name in LAYERS:
        np.testing.assert_array_equal(found[name], expected[name])


@pytest.mark.parametrize("method", ["drop", "blue", "logit", "attention"])
def test_so_are_those_of_other_methods(site, tmp_path, method):
    alone = {"layers": ("probability",), "method": method}
    expected = masked(site, tmp_path / "cpu", torch.device("cpu"), **alone)
    with metal() as device:
        found = masked(site, tmp_path / "mps", device, **alone)
    np.testing.assert_array_equal(found["probability"], expected["probability"])


def test_images_of_doubles_are_the_cpus(tmp_path):
    dn = random_dn((7, 10, 40, 40)) / 10_000
    write_stack(tmp_path / "in", days=every_days(7, step=9), dn=dn.astype(np.float64))
    alone = {"layers": ("probability",)}
    expected = masked(tmp_path, tmp_path / "cpu", torch.device("cpu"), **alone)
    with metal() as device:
        found = masked(tmp_path, tmp_path / "mps", device, **alone)
    np.testing.assert_array_equal(found["probability"], expected["probability"])


def test_a_pixel_is_explained_there(site):
    stack, weights = find_stack(site / "in"), load_weights(default_weights())
    place = find_place(stack, 12, 20, given="pixel")
    expected = explain_pixel(stack, place, weights, device=torch.device("cpu"))
    with metal() as device:
        found = explain_pixel(stack, place, weights, device=device)
    np.testing.assert_array_equal(found.cloud, expected.cloud)
    np.testing.assert_array_equal(found.attention, expected.attention)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prepared")
    write_folds(folder, series=61)
    return folder


@pytest.mark.parametrize("memory", [None, 0])
def test_a_training_there_is_the_cpus(prepared, tmp_path, memory):
    config = TrainConfig(epochs=2, batch=16, noise=0.01)
    run = Run(ranks=Ranks(device=torch.device("cpu")), memory=memory)
    expected = train_fold(prepared, 4, config, run)
    with metal() as device:
        there = replace(run, ranks=Ranks(device=device), checkpoint=tmp_path / "checkpoint")
        found = train_fold(prepared, 4, config, there)
        scores = score_fold(found.weights, prepared, 3, ranks=there.ranks, track=iter)
    np.testing.assert_array_equal(found.confusion.counts, expected.confusion.counts)
    for one, other in zip(found.history, expected.history, strict=True):
        assert one.train_loss == pytest.approx(other.train_loss, rel=1e-5)
    assert scores.confusion == found.confusion.counts.tolist()
