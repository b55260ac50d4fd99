"""What make bench times, and the page it writes: the right work, and the right arithmetic."""

import importlib
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch
from hypothesis import given
from hypothesis import strategies as st
from rasterio.errors import RasterioIOError

from am4cm_cli.attention import fold
from am4cm_cli.clock import Clock
from am4cm_cli.masking import mask_stack
from am4cm_cli.orders import MaskConfig, MaskFiles
from am4cm_cli.rasters.ahead import window_reader
from am4cm_cli.stacks.discovery import find_stack
from am4cm_cli.weights import load_weights
from am4cm_cli.weights_header import default_weights
from cloudy import write_cloudy
from networks import tiny_model
from stacks import random_dn, write_image, write_stack

HOUSE = Path(__file__).parents[1]
NAMES = (
    *("answers", "copying", "decoding", "found", "gpu", "in_memory", "memory", "network"),
    *("page", "peer_arrays", "programs", "scaling", "stacks", "stages", "tables", "turns"),
)


@pytest.fixture(scope="module")
def speed():
    """The modules of bench/speed by name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(HOUSE))
        yield {name: importlib.import_module(f"bench.speed.{name}") for name in NAMES}
    for name in [name for name in sys.modules if name.split(".")[0] == "bench"]:
        del sys.modules[name]


@pytest.fixture(scope="module")
def masked(tmp_path_factory):
    """A cloudy stack, and its mask by `mask_stack` with the default weights."""
    folder = tmp_path_factory.mktemp("speed")
    write_cloudy(folder)
    stack, files = find_stack(folder / "images"), MaskFiles(probability=folder / "mask.tif")
    weights, device = load_weights(default_weights()), torch.device("cpu")
    mask_stack(stack, files, weights, MaskConfig(), device=device)
    with rasterio.open(files.probability) as raster:
        return stack, raster.read()


@given(
    st.tuples(st.integers(1, 5), st.integers(1, 4)),
    st.tuples(st.integers(1, 19), st.integers(1, 17)),
)
def test_mirrored_grids_go_to_and_fro(speed, small, shape):
    dn = np.arange(small[0] * small[1], dtype=np.uint16).reshape(small)
    found = speed["stacks"].mirrored(dn, shape)
    assert found.shape == shape

    def back(place, length):
        step = place % (2 * length)
        return min(step, 2 * length - 1 - step)

    for row in range(shape[0]):
        for col in range(shape[1]):
            assert found[row, col] == dn[back(row, small[0]), back(col, small[1])]


def test_large_images_are_stored_as_copernicus_does(speed, tmp_path):
    dn = random_dn((3, 30, 40))
    bands = ("B02", "B08", "B11")
    # 16 x 16 blocks: what the small file was must not show in the large one.
    small = write_image(
        tmp_path / "S2_20180804.tif", dn, names=bands, tiled=True, blockxsize=16, blockysize=16
    )
    (large,) = speed["stacks"].write_large([small], tmp_path / "large", (520, 1030))
    with rasterio.open(large) as raster:
        assert raster.shape == (520, 1030)
        assert raster.block_shapes == [(512, 512)] * 3
        assert raster.descriptions == bands
        assert (raster.dtypes[0], raster.interleaving.value) == ("uint16", "BAND")
        assert raster.compression.value == "DEFLATE"
        assert raster.tags(ns="IMAGE_STRUCTURE")["PREDICTOR"] == "2"
        found = raster.read()
    assert (found[:, :30, :40] == dn).all()
    assert (found[:, 30:60, 40:80] == dn[:, ::-1, ::-1]).all()
    before = large.stat().st_mtime_ns
    speed["stacks"].write_large([small], tmp_path / "large", (520, 1030))
    assert large.stat().st_mtime_ns == before


def test_longer_series_are_the_same_files_on_other_days(speed, tmp_path):
    names = ("B02", "B08", "B11")
    images = [
        write_image(tmp_path / f"S2_2017010{n}.tif", random_dn((3, 5, 7), seed=n), names=names)
        for n in (1, 2)
    ]
    links = speed["stacks"].link_dates(images, tmp_path / "long", dates=5, days_apart=20)
    stack = find_stack(tmp_path / "long")
    days = ["2018-01-01", "2018-01-21", "2018-02-10", "2018-03-02", "2018-03-22"]
    assert [scene.name for scene in stack.scenes] == days
    assert [link.stat().st_ino for link in links[:3]] == [
        images[n].stat().st_ino for n in (0, 1, 0)
    ]


def test_decoding_meets_every_block(speed, tmp_path):
    blocks = {"tiled": True, "blockxsize": 16, "blockysize": 16}
    stored = {**blocks, "compress": "deflate", "interleave": "band"}
    paths = [
        write_image(tmp_path / f"{n}.tif", random_dn((2, 40, 20), seed=n), **stored)
        for n in range(3)
    ]
    assert speed["decoding"].decode_all(paths, threads=2) == 3 * 40 * 20
    with rasterio.open(paths[0]) as raster:
        places = [
            int(raster.get_tag_item(f"BLOCK_OFFSET_{col}_{row}", "TIFF", bidx=band))
            for band in (1, 2)
            for row in range(3)
            for col in range(2)
        ]
    intact = paths[0].read_bytes()
    for place in places:
        damaged = bytearray(intact)
        damaged[place : place + 8] = b"\xff" * 8
        paths[0].write_bytes(damaged)
        with pytest.raises(RasterioIOError):
            speed["decoding"].decode(paths[0])


def test_raw_attention_is_the_softmax_of_the_folded_network(speed):
    model = tiny_model()
    rng = np.random.default_rng(1)
    pixels, dates = 7, 5
    reflectance = torch.from_numpy(rng.uniform(0, 0.6, (pixels, dates, 4))).float()
    day = torch.tensor([10, 60, 111, 190, 300]).expand(pixels, dates)
    valid = torch.from_numpy(rng.random((pixels, dates)) < 0.7)
    valid[:, 0] = True
    attention = fold(model, name="tiny")
    logits = attention.logits(reflectance.permute(1, 2, 0).double(), day[0]).numpy()  # (H, T, P)
    share = np.exp(logits) * valid.numpy().T
    expected = (share / share.sum(axis=1, keepdims=True)).mean(axis=0).T
    for batch in (3, 100):
        found = speed["network"].raw_attention(model, reflectance, day, valid, batch=batch)
        np.testing.assert_allclose(found.numpy(), expected, atol=1e-5)


def test_what_is_timed_on_arrays_is_the_mask(speed, masked, monkeypatch):
    stack, expected = masked
    fitted = speed["in_memory"].fit(stack, torch.device("cpu"))
    (numbers,) = speed["gpu"].read_all(stack, fitted.scorer.bands)
    dn, valid = speed["gpu"].tensors(numbers, torch.device("cpu"))
    assert (fitted.percent(dn, valid).numpy() == expected).all()
    assert speed["gpu"].resident_rate(fitted, [numbers]) > 0

    monkeypatch.setattr(speed["in_memory"], "SIDE", 10)
    clock, bands = Clock(), fitted.scorer.bands
    with window_reader(stack, bands, threads=2, open_files=8, clock=Clock()) as reader:
        found = speed["in_memory"].compute_all(fitted, reader, threads=2, clock=clock)
    assert found == expected.size
    assert clock.wall["compute"] > 0


def test_stages_are_of_the_mask_itself(speed, masked, tmp_path):
    stack, expected = masked
    images = next(iter(stack.scenes[0].bands.values())).path.parent
    mask, out = tmp_path / "mask.tif", tmp_path / "out.json"
    speed["stages"].main(images, mask, out, threads=2)
    with rasterio.open(mask) as raster:
        assert (raster.read() == expected).all()
    found = json.loads(out.read_text())
    assert {"start", "sample", "decode", "compute", "cog", "the process"} <= set(found["wall"])
    assert set(found["busy"]) == set(found["wall"])
    assert found["wall"]["start"] < found["wall"]["the process"] < 36_000


def test_a_copy_counts_what_it_reads_and_writes(speed):
    rate = speed["copying"].copy_rate(size=10**6 + 1, threads=3)
    assert 1e7 < rate < 1e13


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 9)), max_size=8))
def test_time_is_covered_once(speed, pairs):
    intervals = [(float(start), float(start + length)) for start, length in pairs]
    hours = {hour for start, length in pairs for hour in range(start, start + length)}
    assert speed["gpu"].covered(intervals) == len(hours)


def test_an_answer_on_one_side_alone_is_far_off(speed):
    found, other = (torch.tensor([[3, 255], last], dtype=torch.uint8) for last in ([7, 9], [8, 9]))
    assert speed["gpu"].farthest(found, other) == 1
    other[0, 0] = 255
    assert speed["gpu"].farthest(found, other) == 252


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU to measure")
def test_without_a_gpu_one_line_says_so(tmp_path):
    command = [sys.executable, "-m", "bench.speed.gpu", str(tmp_path / "build")]
    made = subprocess.run(command, capture_output=True, text=True, check=True, cwd=HOUSE)
    assert made.stdout == "No CUDA device: nothing measured.\n"
    assert not (tmp_path / "build").exists()


def test_a_limit_is_kept_up_to_half_a_gigabyte_more(speed):
    memory = speed["memory"]
    small, high, long = memory.cases(64, 7)
    assert (high.height * high.width, high.dates) == (2 * 64 * 64, 7)
    assert (long.height * long.width, long.dates) == (64 * 64, 14)
    verdicts = {
        peak: memory.Held(case=small, limit=2 * 10**9, peak=peak, seconds=12.0)
        for peak in (25 * 10**8, 25 * 10**8 + 1)
    }
    assert [held.is_kept for held in verdicts.values()] == [True, False]
    first, second = (held.line() for held in verdicts.values())
    assert first == ("large: 64 x 64 pixels, 7 dates, limit 2.00 GB, peak 2.50 GB, 12 s: kept")
    assert second.endswith("BROKEN")


def test_along_an_axis_nothing_else_varies(speed):
    axes = speed["scaling"].Axes(sides=(8, 32), dates=(6, 96), cores=(1, 2), workers=(3,))
    points = list(axes.points(side=16, dates=24))
    seen = [(p.axis, p.value, p.side, p.dates, p.cores, p.workers) for p in points]
    assert seen == [
        ("pixels", 64, 8, 24, 2, 0),
        ("pixels", 1024, 32, 24, 2, 0),
        ("dates", 6, 16, 6, 2, 0),
        ("dates", 96, 16, 96, 2, 0),
        ("cores", 1, 16, 24, 1, 0),
        ("cores", 2, 16, 24, 2, 0),
        ("workers", 3, 16, 24, 2, 3),
    ]


def test_peers_that_are_not_installed_are_left_out(speed, tmp_path):
    setting = speed["programs"].Setting(build=tmp_path, cores=2)
    assert speed["programs"].peer_programs(setting, tmp_path / "turn-0") == {}
    python = tmp_path / "ukis-csmask/bin/python"
    python.parent.mkdir(parents=True)
    python.touch()
    found = speed["programs"].peer_programs(setting, tmp_path / "turn-0")
    assert list(found) == ["ukis"]
    assert Path(found["ukis"][1]).is_file()


def test_a_child_sees_its_cores_alone(speed):
    code = "import os; print(len(os.sched_getaffinity(0)), os.environ['OMP_NUM_THREADS'])"
    command = speed["programs"].on_cores([sys.executable, "-c", code], 1)
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["1", "1"]


def write_run(folder):
    """Two turns of 8 x 8 pixels and 6 dates, 384 pixel-dates, in round numbers."""
    folder.mkdir(parents=True)
    inner = {
        "decode": [{"seconds": 0.01, "stored": 5e8}, {"seconds": 0.02, "stored": 5e8}],
        "stages": [{"wall": {"start": a}, "busy": {"start": 1.0}} for a in (1.0, 2.0)],
        "arrays": [{"seconds": 0.04}, {"seconds": 0.04}],
        "network": [{"seconds": 4.0}, {"seconds": 8.0}],
        "copy": [{"bytes_per_second": 21e9}, {"bytes_per_second": 42e9}],
    }
    programs = {"mask": [{"seconds": s, "peak": 3e8, "answer": None} for s in (0.02, 0.08)]}
    for name, answers in inner.items():
        for turn, answer in enumerate(answers):
            answer = answer if name in ("copy", "stages") else {**answer, "pixel_dates": 384}
            (folder / f"turn-{turn}-{name}.json").write_text(json.dumps(answer))
    # Peers tell seconds of each of their two dates: 128 pixel-dates.
    for turn in range(2):
        np.savez(folder / f"turn-{turn}-s2cloudless.npz", seconds=[1.0, 3.0], version="1.7.3")
    for name in (*inner, "s2cloudless"):
        kind = "npz" if name == "s2cloudless" else "json"
        programs[name] = [
            {"seconds": 9.0, "peak": 1e8 + turn, "answer": f"turn-{turn}-{name}.{kind}"}
            for turn in range(2)
        ]
    facts = {"side": 8, "dates": 6, "simulated": 8, "cores": 2, "peer_dates": 2}
    found = {"made": "2026-01-02", "facts": {**facts, "load_before": 0.1}, "programs": programs}
    (folder / "turns.json").write_text(json.dumps(found))


def test_rates_and_ratios_are_of_the_same_turns(speed, tmp_path):
    write_run(tmp_path / "speed")
    turns = speed["found"].read_turns(tmp_path / "speed")
    rates = {name: list(one.rates) for name, one in turns.timed.items()}
    assert rates == {
        "decode": [38_400, 19_200],
        "mask": [19_200, 4_800],
        "arrays": [9_600, 9_600],
        "network": [96, 48],
        "s2cloudless": [32, 32],
    }
    tables = speed["tables"]
    assert tables.ratio(rates["mask"], rates["decode"]) == [0.5, 0.25]
    assert tables.spread([0.5, 0.25]) == "0.375 (0.25-0.5)"
    assert tables.spread([1234.5]) == "1,234"
    aims = {
        line.split(" | ")[0]: line.split(" | ")[2:4]
        for line in tables.aims_table(turns).split("\n")
    }
    assert ["0.375 (0.25-0.5)", "holds"] in aims.values()
    assert ["375 (150-600)", "holds"] in aims.values()
    assert "| start | 1.5 (1-2) | 1 |" in tables.stages_table(turns)
    assert list(tables.copy_limit(turns)) == [1e9, 2e9]


def write_scaling(folder):
    points = [
        {
            **{"axis": axis, "value": value, "pixel_dates": 1000 * value, "peak": 1e6 * (turn + 1)},
            **{"decode": 0.5, "mask": 1.0 + turn},
        }
        for axis, values in (("pixels", (64, 256)), ("dates", (6, 24)), ("cores", (1, 2)))
        for value in values
        for turn in range(2)
    ]
    found = {"made": "2026-01-02", "side": 16, "dates": 24, "points": points}
    (folder / "scaling.json").write_text(json.dumps(found))


def write_page(speed, build, out):
    speed["page"].main(build, out)
    return out.read_text()


def test_the_page_says_what_is_open_and_keeps_what_was_measured_by_hand(speed, tmp_path):
    write_run(tmp_path / "speed")
    page = write_page(speed, tmp_path, tmp_path / "page.md")
    assert not re.search(r"[{}]", page)
    assert page.count("Not measured yet") == 2
    assert "No GPU was at hand" in page
    assert "| `np.load` of the same files | 3,354 MB/s | 1 | 953 MB/s | 1 |" in page
    assert (tmp_path / "page/limits.png").read_bytes().startswith(b"\x89PNG")
    assert not (tmp_path / "page/scaling.png").exists()


def test_the_page_tells_all_that_was_measured(speed, tmp_path):
    folder = tmp_path / "speed"
    write_run(folder)
    write_scaling(folder)
    memory = {"made": "2026-02-03", "limit": "2GB", "lines": ["large: kept", "twice: BROKEN"]}
    (folder / "memory.json").write_text(json.dumps(memory))
    gpu = {
        **{"made": "2026-03-04", "device": "Some GPU", "pixel_dates": 10**7, "resident": 1.2e9},
        **{"copies": {"to": 5e10, "from": 4e10}, "copy_limit": 2.5e9, "farthest": 1},
        **{"whole": {"cuda": [1.0, 2.0], "cpu": [4.0, 5.0]}, "waiting": 0.734},
    }
    (folder / "gpu.json").write_text(json.dumps(gpu))
    page = write_page(speed, tmp_path, tmp_path / "page.md")
    assert "Not measured" not in page
    assert "- large: kept\n- twice: BROKEN" in page
    assert "| data resident on the GPU | 1,200 |" in page
    assert "| `am4cm mask --device cuda`, from files to file | 7.5 (5-10) |" in page
    assert "50.0 GB/s to it and 40.0 GB/s from it" in page
    assert "waits for 73 % of" in page
    # 256,000 pixel-dates in half a second; in one second and in two.
    assert "| pixels | 256 | 0.512 | 0.192 (0.128-0.256) | 0.375 (0.25-0.5) | 2 MB |" in page
    assert (tmp_path / "page/scaling.png").read_bytes().startswith(b"\x89PNG")
    assert max(map(len, page.split("\n\n")[4].split("\n"))) <= 100


def test_paragraphs_and_lists_are_broken_anew_and_tables_are_not(speed):
    line = "| " + "long " * 30 + "|"
    page = f"# Head\n\n{'word ' * 30}\nend.\n\n{line}\n| b |\n\n- {'one ' * 30}\n  two\n- three\n"
    head, words, table, items = speed["page"].wrapped(page).split("\n\n")
    assert (head, table) == ("# Head", f"{line}\n| b |")
    assert [len(part) <= 100 for part in words.split("\n")] == [True, True]
    assert words.split() == ["word"] * 30 + ["end."]
    first, second, third = items.split("\n")
    assert first.startswith("- one")
    assert second.startswith("  one")
    assert second.endswith("two")
    assert third == "- three"


def test_peers_get_the_dates_in_the_middle_brought_to_size(speed, tmp_path):
    images = tmp_path / "simulated-l1c-6-3/images"
    dn = write_stack(images, shape=(6, 6))
    options = {"chain": "l1c", "side": 9, "dates": 3, "few": 1, "simulated_side": 6}
    speed["peer_arrays"].main(tmp_path, tmp_path / "few.npz", **options)
    with np.load(tmp_path / "few.npz") as file:
        assert list(file["date"]) == ["2018-01-21"]
        assert (str(file["level"]), int(file["metres"])) == ("L1C", 10)
        found = file["reflectance"]
    assert found.shape == (1, 10, 9, 9)
    np.testing.assert_allclose(found[0, :, :6, :6], dn[1] / 1e4, rtol=1e-6)
    np.testing.assert_allclose(found[0, :, :6, 6:], dn[1, :, :, :2:-1] / 1e4, rtol=1e-6)
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["simulated-l1c-6-3"]
