"""Apple's GPU: what goes there is what it can take, and the answers are the CPU's.

The device is the pretended one of metal.py; of the real one only the arithmetic differs.
"""

import numpy as np
import pytest
import rasterio
import torch

from am4cm_cli.masking import mask_stack
from am4cm_cli.orders import MaskConfig, MaskFiles, Resources
from am4cm_cli.stacks.discovery import find_stack
from am4cm_cli.weights import load_weights
from am4cm_cli.weights_header import default_weights
from metal import MPS, SEEN, has_kernel, metal
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
