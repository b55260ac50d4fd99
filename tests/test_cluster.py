"""Masks on a dask cluster: the bytes of a single process, whatever happens to workers."""

import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from socket import gethostname

import pytest
import rasterio
import torch
from affine import Affine
from distributed.utils import key_split

from am4cm_cli.app import main
from am4cm_cli.cluster import Cluster
from am4cm_cli.errors import Am4cmError, OutputError, StackError
from am4cm_cli.masking import mask_stack
from am4cm_cli.orders import MaskConfig, MaskFiles, Resources
from am4cm_cli.parts import Parts
from am4cm_cli.schedulers import _check_versions, open_cluster
from am4cm_cli.stacks.discovery import find_stack
from am4cm_cli.stacks.options import StackOptions
from am4cm_cli.weights import load_weights, save_weights
from am4cm_cli.workers import Errand
from cloudy import bright_weights, write_cloudy
from stacks import CORNER, every_days, random_dn, write_image, write_stack

CPU = torch.device("cpu")
TILE = 6  # 4 x 4 windows of the cloudy stack


@pytest.fixture(scope="module")
def cluster():
    said = []
    with open_cluster("local:2", tell=said.append) as found:
        assert said[0].startswith("--dask local:2: 2 workers")
        yield found


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    write_cloudy(folder)
    return folder


def mask(
    source,
    out,
    cluster=None,
    *,
    tile=TILE,
    track=iter,
    files=None,
    weights=None,
    tell=str,
    skip_bad=False,
    **options,
):
    mask_stack(
        find_stack(source),
        files or MaskFiles(probability=out),
        weights or bright_weights(),
        MaskConfig(**options),
        Resources(tile=tile),
        device=CPU,
        cluster=cluster,
        resume=True,
        skip_bad=skip_bad,
        track=track,
        tell=tell,
    )
    return out.read_bytes()


@pytest.mark.long
def test_bytes_are_those_of_a_single_process(cluster, site, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = ("probability", "classes", "reliability", "attention", "clear_sky")
    written = {}
    for kind, on in (("one", None), ("two", cluster)):
        Path(kind).mkdir()
        files = MaskFiles(**{name: Path(kind) / f"{name}.tif" for name in names})  # relative
        source, out = os.path.relpath(site / "images"), files.probability
        mask(source, out, on, tile=7, files=files, target="unusable")
        assert not list(Path(kind).glob("*.parts"))
        dated = sorted(files.clear_sky.iterdir())
        assert len(dated) == len(find_stack(site / "images").scenes)
        written[kind] = [path.read_bytes() for path in [*files.rasters, *dated]]
    assert written["one"] == written["two"]


def errand_sizes(dask_worker=None):
    """Bytes of the stacks that a worker was told of."""
    plugins = [plugin for name, plugin in dask_worker.plugins.items() if "am4cm" in str(name)]
    return [len(pickle.dumps(plugin._errand.job.scorer.stack)) for plugin in plugins]


def sizes(dask_scheduler=None):
    """Bytes of what the scheduler holds of each task."""
    tasks = [t for t in dask_scheduler.tasks.values() if t.key.startswith("mask window")]
    return {task.key: len(pickle.dumps(task.run_spec)) for task in tasks}


def test_what_workers_need_is_sent_once_and_not_with_tasks(cluster, site, tmp_path):
    seen = {}

    def look(windows):
        for window in windows:
            while not seen.get("tasks"):  # they may still be on their way
                seen["tasks"] = cluster.client.run_on_scheduler(sizes)
                seen["errands"] = list(cluster.client.run(errand_sizes).values())
            yield window

    mask(site, tmp_path / "out.tif", cluster, track=look)
    (one,), (other,) = seen["errands"]
    assert one == other > 5000
    assert max(seen["tasks"].values()) < 700
    assert {key_split(key) for key in seen["tasks"]} == {"mask window"}
    assert any(key.startswith("mask window-000018-000012-") for key in seen["tasks"])
    assert not any("am4cm" in name for name in _plugins(cluster))


def _plugins(cluster):
    found = cluster.client.run(lambda dask_worker: [str(name) for name in dask_worker.plugins])
    return {name for names in found.values() for name in names}


def test_a_killed_worker_costs_only_its_own_windows(cluster, site, tmp_path):
    expected = mask(site, tmp_path / "one.tif", tile=22)
    out, before, after = tmp_path / "two.tif", {}, {}

    def files():
        return {p.name: p.stat().st_ino for p in Path(f"{out}.parts").glob("window-*.npz")}

    def kill(windows):
        for number, window in enumerate(windows):
            if number == 12:
                pids = cluster.client.run(os.getpid)
                os.kill(next(iter(pids.values())), signal.SIGKILL)
                before.update(files())
            yield window
        after.update(files())

    assert mask(site, out, cluster, tile=3, track=kill) == expected
    assert 12 <= len(before) < len(after) == 8 * 7
    assert {name: after[name] for name in before} == before


def test_an_image_that_cannot_be_read_is_told_as_ever(cluster, tmp_path):
    write_stack(tmp_path / "in", days=every_days(6), shape=(40, 20), compress="deflate")

    def stop(windows):
        yield windows[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        mask(tmp_path / "in", tmp_path / "out.tif", tile=20, track=stop)
    path = tmp_path / "in" / "S2_L2A_20180111.tif"
    before = path.stat()
    path.write_bytes(path.read_bytes()[:-6000] + b"\xff" * 6000)  # of the lower window
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    told = set()
    for on in (None, cluster):
        with pytest.raises(StackError) as error:
            mask(tmp_path / "in", tmp_path / "out.tif", on, tile=20)
        told.add(str(error.value))
    assert len(told) == 1
    assert "S2_L2A_20180111.tif: its pixels cannot be read" in told.pop()
    assert [p.name for p in tmp_path.glob("*.parts/window-*")] == ["window-000000-000000.npz"]
    assert not any("am4cm" in name for name in _plugins(cluster))


def errand(folder, **sizes):
    return Errand(
        job=None,
        judge=None,
        parts=Parts(folder=folder),
        sizes={folder / f"{name}.tif": size for name, size in sizes.items()},
        ticket="journal-1",
        threads=1,
    )


def test_a_worker_that_does_not_see_the_folder_says_where_it_is(tmp_path):
    words = f"{tmp_path / 'p'}: the worker on {gethostname()} does not see this folder"
    with pytest.raises(OutputError, match=words):
        errand(tmp_path / "p").check()
    (tmp_path / "p").mkdir()  # another machine's own, or another run's
    with pytest.raises(OutputError, match=words):
        errand(tmp_path / "p").check()
    (tmp_path / "p" / "journal-1").touch()
    errand(tmp_path / "p").check()


def test_a_worker_that_does_not_see_an_image_says_where_it_is(tmp_path):
    (tmp_path / "a.tif").write_bytes(b"1234567")
    errand(tmp_path, a=7).check_images()
    with pytest.raises(StackError, match=rf"a\.tif: the worker on {gethostname()} finds 7 bytes"):
        errand(tmp_path, a=8).check_images()
    with pytest.raises(StackError, match=rf"b\.tif: the worker on {gethostname()} cannot see it"):
        errand(tmp_path, a=7, b=7).check_images()


def test_a_scheduler_is_found_by_its_address_or_its_file(cluster, tmp_path):
    address = cluster.client.scheduler.address
    (tmp_path / "s.json").write_text(json.dumps({"type": "Scheduler", "address": address}))
    for named in (address, str(tmp_path / "s.json")):
        with open_cluster(named, threads=3) as found:
            assert found.client.scheduler.address == address
            assert found.threads == 3


@pytest.mark.parametrize(
    "named", ["local:0", "local", "local:x", "gone.json", "here:8786", "q://x"]
)
def test_a_name_that_is_no_cluster(named, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with (
        pytest.raises(Am4cmError, match=rf"^--dask {named}: .*expected local:N, tcp://"),
        open_cluster(named),
    ):
        pass


def test_versions_must_agree():
    own = {"python": "3.11.4", "am4cm": "0.5.0", "torch": "2.13.0+cpu", "numpy": "2.4.0"}
    near = own | {"python": "3.11.9", "torch": "2.13.0"}
    _check_versions("tcp://a:1", "the worker b", near, own)
    for name, version in {"python": "3.12.4", "am4cm": None, "torch": "2.12.0"}.items():
        words = f"the worker b has {name} {version or 'missing'}; expected {own[name]} as here"
        with pytest.raises(Am4cmError, match=words.replace("+", r"\+")):
            _check_versions("tcp://a:1", "the worker b", near | {name: version}, own)


@pytest.fixture
def run(site, tmp_path, monkeypatch, capfd):
    save_weights(tmp_path / "bright.safetensors", bright_weights())

    def run_main(*options):
        words = ["mask", site / "images", tmp_path / "out.tif", *options]
        words += ["--weights", tmp_path / "bright.safetensors"]
        monkeypatch.setattr(sys, "argv", ["am4cm", *map(str, words)])
        with pytest.raises(SystemExit) as stop:
            main()
        return stop.value.code, capfd.readouterr().err

    return run_main


def test_without_distributed_the_extra_is_named(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    code, text = run("--dask", "local:1")
    assert code == 1
    assert text.startswith("error: --dask local:1: dask's distributed is not installed")
    assert 'pip install "am4cm[dask]"' in text
    assert text.count("\n") == 1


def test_nobody_answers(run):
    code, text = run("--dask", "tcp://127.0.0.1:9")
    assert code == 1
    assert text.startswith("error: --dask tcp://127.0.0.1:9: no scheduler answers there")
    assert text.count("\n") == 1


def test_a_gpu_is_of_no_use_to_workers(run):
    code, text = run("--dask", "local:1", "--device", "cuda")
    assert code == 2
    assert "has no use with --dask" in text


@pytest.mark.long
def test_ctrl_c_stops_and_either_way_goes_on(tmp_path, monkeypatch):
    write_stack(tmp_path / "in", days=every_days(7), dn=random_dn((7, 10, 80, 60)))
    save_weights(tmp_path / "bright.safetensors", bright_weights())
    words = [sys.executable, "-m", "am4cm_cli", "mask", "in", "out.tif", "--tile", "16"]
    words += ["--weights", "bright.safetensors", "--dask", "local:1"]
    parts = tmp_path / "out.tif.parts"
    with subprocess.Popen(
        words, cwd=tmp_path, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as running:
        while running.poll() is None and len(list(parts.glob("window-*"))) < 2:
            time.sleep(0.01)
        os.killpg(running.pid, signal.SIGINT)  # as a terminal does, to workers, too
        text = running.stderr.read()
    assert running.returncode == 130, text
    assert [line for line in text.splitlines() if line] == [
        "--dask local:1: 1 worker.",
        "out.tif.parts keeps what is done; the same command goes on from there.",
    ]
    monkeypatch.chdir(tmp_path)
    weights = load_weights(Path("bright.safetensors"))
    said = []
    going_on = mask("in", Path("out.tif"), tile=16, weights=weights, tell=said.append)
    assert said[0].startswith("Going on from an earlier run")
    assert going_on == mask("in", Path("one.tif"), tile=80, weights=weights)


def test_workers_see_the_same_pixels(cluster, site, tmp_path):
    """A scene of tiles, one of them warped, all averaged: as in one process."""
    for path in sorted((site / "images").glob("*.tif")):
        with rasterio.open(path) as raster:
            dn, names = raster.read(), raster.descriptions
        place = CORNER @ Affine.translation(8.3, 0)
        write_image(tmp_path / "in" / f"A_{path.name}", dn[..., :12], names=names)
        write_image(tmp_path / "in" / f"B_{path.name}", dn[..., 8:], names=names, transform=place)
    stack = find_stack(tmp_path / "in", StackOptions(align=True, resolution=20))
    for name, workers in (("alone", None), ("shared", cluster)):
        files = MaskFiles(probability=tmp_path / f"{name}.tif")
        how = {"device": CPU, "cluster": workers}
        mask_stack(stack, files, bright_weights(), MaskConfig(), Resources(tile=TILE), **how)
    assert (tmp_path / "alone.tif").read_bytes() == (tmp_path / "shared.tif").read_bytes()


def test_a_date_that_workers_cannot_read_is_nodata(cluster, site, tmp_path):
    images = Path(shutil.copytree(site / "images", tmp_path / "in"))
    bad = sorted(images.iterdir())[3]

    class Late(Cluster):
        """Meets a file that was cut short once the client had sampled it."""

        def compute(self, *words, **options):
            os.truncate(bad, 3000)
            super().compute(*words, **options)

    said = []
    late = Late(**vars(cluster))
    found = mask(images, tmp_path / "two.tif", late, skip_bad=True, tell=said.append)
    assert any(f"{bad}: its pixels cannot be read" in text for text in said)
    assert found == mask(images, tmp_path / "one.tif", skip_bad=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "one.tif", "two.tif"]
