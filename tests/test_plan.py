"""Sizes that hold a limit of memory."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from am4cm_cli.errors import Am4cmError
from am4cm_cli.jobs import plan_job
from am4cm_cli.layers import planes_needed
from am4cm_cli.orders import BATCH, MaskConfig, MaskFiles, Resources
from am4cm_cli.plan import ARRAYS, Demand, make_plan
from am4cm_cli.stacks.discovery import find_stack
from cloudy import bright_weights
from stacks import every_days, write_image, write_stack

GB = 10**9


def demand(dates, *, bands=10, layers=1, aside=0, held=0):
    return Demand(
        dates=dates,
        bands=bands,
        number_bytes=2,
        planes=3,
        arrays=ARRAYS[3],
        layer_bytes=layers * dates,
        aside=aside,
        files=dates,
        held=held,
    )


def taken(plan, needed):
    """Bytes, added up one by one."""
    pixels = plan.window[0] * plan.window[1]
    numbers = pixels * needed.dates * (needed.bands * needed.number_bytes + 1)
    planes = pixels * needed.dates * needed.planes * 4
    batches = plan.threads * BATCH * needed.dates * 4 * needed.arrays
    written = 2 * pixels * needed.layer_bytes
    aside = plan.threads * pixels * needed.aside
    files = plan.open_files * (needed.held * 3 // 2 + 2**18)
    return (
        files + plan.cache_bytes + (1 + plan.ahead) * numbers + planes + written + batches + aside
    )


@given(
    dates=st.integers(5, 600),
    bands=st.integers(3, 13),
    layers=st.integers(1, 70),
    shape=st.tuples(st.integers(1, 10980), st.integers(1, 10980)),
    block=st.tuples(
        st.sampled_from([1, 2, 256, 512, 1024, 5000]), st.sampled_from([256, 512, 20000])
    ),
    threads=st.integers(1, 32),
    memory=st.integers(GB, 16 * GB),
    aside=st.sampled_from([0, 21, 84, 756]),
    held=st.sampled_from([0, 2**17, 5 * 2**20]),
)
def test_any_plan_holds_the_limit(dates, bands, layers, shape, block, threads, memory, aside, held):
    needed = demand(dates, bands=bands, layers=layers, aside=aside, held=held)
    plan = make_plan(
        needed, shape=shape, block=block, threads=threads, batch=BATCH, max_memory=memory
    )
    assert taken(plan, needed) + plan.spare_bytes <= memory
    assert plan.spare_bytes >= 0
    assert 1 <= plan.window[0] <= shape[0]
    assert 1 <= plan.window[1] <= shape[1]
    assert 1 <= plan.threads <= threads
    assert plan.batch == BATCH


@pytest.mark.parametrize(
    ("shape", "block", "window"),
    [
        ((10980, 10980), (512, 512), (512, 512)),
        ((10980, 10980), (256, 256), (512, 512)),
        ((10980, 10980), (1, 10980), (16, 10980)),
        ((64, 50), (8, 50), (64, 50)),
    ],
)
def test_windows_are_whole_blocks_where_these_fit(shape, block, window):
    plan = make_plan(
        demand(60), shape=shape, block=block, threads=2, batch=BATCH, max_memory=2 * GB
    )
    assert plan.window == window
    assert plan.ahead == 1


@pytest.mark.parametrize(
    ("dates", "side", "window", "decodes"),
    [(60, 1024, (512, 1024), 2), (500, 512, (128, 256), 8)],
)
def test_blocks_too_large_are_read_in_parts_one_at_a_time(dates, side, window, decodes):
    tile, block = (10980, 10980), (side, side)
    plan = make_plan(
        demand(dates), shape=tile, block=block, threads=2, batch=BATCH, max_memory=2 * GB
    )
    assert plan.window == window
    assert plan.ahead == 0
    assert plan.decodes(block, tile) == decodes
    whole = make_plan(
        demand(dates), shape=tile, block=block, threads=2, batch=BATCH, max_memory=plan.whole_bytes
    )
    assert whole.decodes(block, tile) == 1


def test_a_window_that_the_user_sets_is_kept_or_refused():
    kwargs = {"shape": (900, 900), "block": (512, 512), "threads": 2, "batch": BATCH}
    plan = make_plan(demand(20), **kwargs, max_memory=2 * GB, tile=100)
    assert plan.window == (100, 100)
    with pytest.raises(Am4cmError, match=r"--max-memory 0\.2 GB: too little .* --tile"):
        make_plan(demand(200), **kwargs, max_memory=GB // 5, tile=800)


@pytest.mark.parametrize("threads", [1, 2, 16])
@pytest.mark.parametrize(("dates", "held"), [(24, 16), (240, 4), (500, 2)])
def test_threads_wait_where_their_batches_do_not_fit(threads, dates, held):
    """Scores fill narrower batches up, so these would save nothing."""
    tile, block = (10980, 10980), (512, 512)
    plan = make_plan(
        demand(dates), shape=tile, block=block, threads=threads, batch=BATCH, max_memory=2 * GB
    )
    assert plan.batch == BATCH
    assert plan.threads == min(threads, held)


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize("target", ["cloud", "unusable"])
@pytest.mark.parametrize(
    "beside",
    [
        (),
        ("classes",),
        ("reliability",),
        ("classes", "attention"),
        ("attention_heads",),
        ("clear_sky",),
    ],
)
def test_the_plan_counts_what_the_layers_take(tmp_path, dtype, target, beside):
    folder, names = tmp_path / "in", ("probability", *beside)
    write_stack(folder, days=every_days(6), dn=np.full((6, 10, 9, 8), 900, np.uint16))
    files = MaskFiles(**{name: tmp_path / f"{name}.tif" for name in names})
    config, weights = MaskConfig(dtype=dtype, target=target), bright_weights()
    stack, device = find_stack(folder), torch.device("cpu")
    job = plan_job(stack, files, weights, config, Resources(), device=device)
    found = 6 * files.pixel_bytes(dtype, heads=weights.model.config.heads, bands=10)
    assert files.planes(target) == planes_needed(job.layers)
    assert found == sum(layer.pixel_bytes for layer in job.layers)


def test_as_many_files_stay_open_as_memory_allows():
    how = {"shape": (512, 512), "block": (256, 256), "threads": 2, "batch": BATCH}
    small = make_plan(demand(146, held=2**17), max_memory=2 * GB, **how)
    assert small.open_files == 256
    # Blocks of 256 x 256 pixels with ten bands: two megabytes each with what they are made of.
    large = make_plan(demand(146, held=256 * 256 * 20), max_memory=2 * GB, **how)
    assert large.open_files == 125_000_000 // (256 * 256 * 30 + 2**18)
    few = make_plan(demand(5, held=256 * 256 * 20), max_memory=2 * GB, **how)
    assert few.open_files == 10


def test_what_gdal_holds_of_an_open_file(tmp_path):
    dn = np.ones((4, 64, 48), np.uint16)
    for interleave, bands in (("pixel", 4), ("band", 1)):
        path = tmp_path / f"{interleave}_20180101.tif"
        tiled = {"tiled": True, "blockxsize": 16, "blockysize": 32, "compress": "deflate"}
        write_image(path, dn, names=["B02", "B03", "B04", "B08"], interleave=interleave, **tiled)
        assert find_stack(path).held(["B02"]) == 16 * 32 * 2 * bands
