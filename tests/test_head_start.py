"""Reading that begins early: the same windows, and none of them read twice."""

import subprocess
import sys

import numpy as np
import pytest
import rasterio
import torch
from safetensors.numpy import save_file

from am4cm_cli.errors import WeightsError
from am4cm_cli.head_start import head_start
from am4cm_cli.masking import mask_stack
from am4cm_cli.orders import MaskConfig, MaskFiles, Resources
from am4cm_cli.stacks.discovery import find_stack
from am4cm_cli.weights import save_weights
from cloudy import bright_weights, write_cloudy

CPU = torch.device("cpu")
CONFIG = MaskConfig()


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A cloudy stack, and weights in a file."""
    folder = tmp_path_factory.mktemp("early")
    write_cloudy(folder)
    save_weights(folder / "w.safetensors", bright_weights())
    return find_stack(folder / "images"), folder / "w.safetensors"


def begun(site, files, resources=None):
    return head_start(*site, files, CONFIG, resources or Resources())


@pytest.mark.parametrize("tile", [None, 8])
@pytest.mark.parametrize("beside", [{}, {"classes"}, {"attention_heads", "reliability"}])
def test_the_mask_takes_what_was_read_early(site, tmp_path, tile, beside):
    stack, resources = site[0], Resources(tile=tile, threads=2)
    files = {name: tmp_path / f"{name}.tif" for name in {"probability", *beside}}
    plain = MaskFiles(**{name: path.with_suffix(".plain.tif") for name, path in files.items()})
    mask_stack(stack, plain, bright_weights(), CONFIG, resources, device=CPU)
    with begun(site, MaskFiles(**files), resources) as early:
        kept = early.wait()
        assert kept
        mask_stack(
            stack,
            MaskFiles(**files),
            bright_weights(),
            CONFIG,
            resources,
            device=CPU,
            early=early,
        )
    assert not early.wait()  # taken, not read again
    for name, path in files.items():
        assert path.read_bytes() == vars(plain)[name].read_bytes()


def test_other_windows_than_the_masks_are_left_alone(site, tmp_path):
    stack, files = site[0], MaskFiles(probability=tmp_path / "a.tif")
    with begun(site, files, Resources(tile=7)) as early:
        mask_stack(stack, files, bright_weights(), CONFIG, device=CPU, early=early)
        assert early.wait()
    plain = MaskFiles(probability=tmp_path / "b.tif")
    mask_stack(stack, plain, bright_weights(), CONFIG, device=CPU)
    assert files.probability.read_bytes() == plain.probability.read_bytes()


def test_numbers_are_the_files_own(site, tmp_path):
    stack, _ = site
    with begun(site, MaskFiles(probability=tmp_path / "a.tif")) as early:
        ((place, numbers),) = early.wait().items()
    assert place == (0, 0)
    for scene, found in zip(stack.scenes, numbers.dn, strict=True):
        for name, band in zip(early.bands, found, strict=True):
            file = scene.bands[name]
            with rasterio.open(file.path) as raster:
                np.testing.assert_array_equal(band, raster.read(file.index))


def test_it_does_not_wait_for_torch():
    code = (
        "import sys; import am4cm_cli.app, am4cm_cli.head_start, am4cm_cli.stacks.discovery; "
        "print('torch' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "False\n"


def test_weights_that_are_none_are_told_of(site, tmp_path):
    (tmp_path / "w.safetensors").write_text("nothing")
    files = MaskFiles(probability=tmp_path / "a.tif")
    begin = head_start(site[0], tmp_path / "w.safetensors", files, CONFIG, Resources())
    with pytest.raises(WeightsError, match=r"w\.safetensors: not a readable weights file"), begin:
        pass


@pytest.mark.parametrize("heads", ["1e999", "-3", '"many"'])
def test_headers_that_make_no_sense_are_left_to_the_loader(site, tmp_path, heads):
    config = f'{{"bands": ["B02", "B11"], "heads": {heads}}}'
    save_file({}, tmp_path / "w", metadata={"am4cm": f'{{"config": {config}}}'})
    files = MaskFiles(probability=tmp_path / "a.tif")
    with head_start(site[0], tmp_path / "w", files, CONFIG, Resources()) as early:
        assert early is None
