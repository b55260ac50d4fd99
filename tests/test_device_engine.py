"""Windows as a GPU computes them: with the CPU as the device, and on a GPU where there is one."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from rasterio.windows import Window

from am4cm_cli.clock import Clock
from am4cm_cli.device_engine import DeviceEngine, pinned
from am4cm_cli.jobs import look, plan_job
from am4cm_cli.judgement import judge_from
from am4cm_cli.orders import MaskConfig, MaskFiles, Resources
from am4cm_cli.rasters.ahead import window_reader
from am4cm_cli.scores import Score
from am4cm_cli.stacks.discovery import find_stack
from cloudy import bright_weights
from stacks import every_days, random_dn, write_stack

SHAPE = (110, 120)
WINDOW = Window(10, 10, 100, 90)
DEVICES = [
    "cpu",
    pytest.param(
        "cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
    ),
]


FULL = [
    torch.OutOfMemoryError("CUDA out of memory."),
    RuntimeError("MPS backend out of memory (MPS allocated: 8.00 GB, ...)"),
]


@dataclass(frozen=True)
class Hungry:
    """A score that takes more memory than there is for more than so many pixels."""

    score: Score
    most: int
    error: RuntimeError

    def __call__(self, seen):
        if seen.valid.shape[-1] > self.most:
            raise self.error
        return self.score(seen)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    dn = random_dn((7, 10, *SHAPE))
    dn[2, :, 30:40] = 0  # not observed
    write_stack(folder / "in", days=every_days(7, step=9), dn=dn)
    return folder


def prepared(folder, device, *, most=None, error=FULL[0]):
    """Engines on the CPU and on a device, the numbers of a window, and what was told."""
    files = {name: folder / f"{name}.tif" for name in ("probability", "classes", "reliability")}
    job = plan_job(
        find_stack(folder / "in"),
        MaskFiles(**files, attention=folder / "attention.tif", clear_sky=folder / "clear"),
        bright_weights(),
        MaskConfig(),
        Resources(tile=64),
        device=torch.device(device),
    )
    clock, told = Clock(), []
    with window_reader(
        job.scorer.stack, job.scorer.bands, threads=1, open_files=8, clock=clock
    ) as reader:
        journal = look(job, bright_weights(), {})
        (numbers,) = reader.read([WINDOW])
    engine = job.engine(judge_from(journal.found["judge"]), clock)
    scorer = job.scorer
    if most:
        scorer = replace(scorer, score=Hungry(scorer.score, most, error))
    return engine, DeviceEngine(engine=engine, scorer=scorer, tell=told.append), numbers, told


def computed(engine, numbers):
    with ThreadPoolExecutor(1) as pool:
        return engine.start(WINDOW, numbers, pool)()


def assert_alike(found, expected, *, off):
    for one, other in zip(found.layers[:1], expected.layers[:1], strict=True):
        known = other != 255
        assert_array_equal(one == 255, ~known)
        assert np.abs(one[known].astype(int) - other[known]).max() <= off
    for one, other in zip(found.layers[1:3], expected.layers[1:3], strict=True):
        assert (one != other).mean() <= 0.001 * off
    np.testing.assert_allclose(found.layers[3], expected.layers[3], rtol=1e-4)
    assert found.layers[4].dtype == expected.layers[4].dtype == np.int16
    assert np.abs(found.layers[4].astype(int) - expected.layers[4]).max() <= off
    assert found.strips.keys() == expected.strips.keys() == {"top", "bottom", "left", "right"}
    for side, strip in found.strips.items():
        np.testing.assert_allclose(strip, expected.strips[side], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("device", DEVICES)
def test_a_device_computes_what_the_cpu_does(folder, device):
    engine, there, numbers, _ = prepared(folder, device)
    expected = computed(engine, numbers)
    assert_alike(computed(there, numbers), expected, off=0 if device == "cpu" else 1)


def test_numbers_may_be_overwritten_once_it_has_begun(folder):
    engine, there, numbers, _ = prepared(folder, "cpu")
    expected = computed(engine, numbers)
    with ThreadPoolExecutor(1) as pool:
        pending = there.start(WINDOW, numbers, pool)
        numbers.dn[...] = 1
        assert_alike(pending(), expected, off=0)


@pytest.mark.parametrize("error", FULL, ids=["cuda", "mps"])
def test_batches_are_halved_until_they_fit(folder, error):
    engine, there, numbers, told = prepared(folder, "cpu", most=8500, error=error)
    assert_alike(computed(there, numbers), computed(engine, numbers), off=0)
    assert there.batch == 8192
    assert told == []


def test_another_error_is_passed_on(folder):
    _, there, numbers, _ = prepared(folder, "cpu", most=100, error=RuntimeError("bug"))
    with pytest.raises(RuntimeError, match="bug"):
        computed(there, numbers)


def test_the_cpu_goes_on_where_nothing_fits(folder):
    engine, there, numbers, told = prepared(folder, "cpu", most=100)
    assert_alike(computed(there, numbers), computed(engine, numbers), off=0)
    assert told == ["The GPU's memory does not suffice: going on with the CPU."]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("kind", [np.uint16, np.int16, np.float32, np.bool_])
def test_pinned_memory_is_an_array(kind):
    memory = pinned(12, np.dtype(kind))
    memory[...] = 1
    assert memory.dtype == kind
    assert torch.from_numpy(memory).is_pinned()
