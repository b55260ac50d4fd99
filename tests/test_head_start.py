"""Reading that begins early: the same windows, and none of them read twice."""

import numpy as np
import pytest
import torch

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
    assert numbers.dn.shape == (len(stack.scenes), len(early.bands), *stack.grid.shape)
    assert np.unique(numbers.dn).size > 100


def test_weights_that_are_none_are_told_of_before_torch(site, tmp_path):
    (tmp_path / "w.safetensors").write_text("nothing")
    files = MaskFiles(probability=tmp_path / "a.tif")
    begin = head_start(site[0], tmp_path / "w.safetensors", files, CONFIG, Resources())
    with pytest.raises(WeightsError, match=r"w\.safetensors: not a readable weights file"), begin:
        pass
