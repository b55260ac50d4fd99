"""`am4cm doctor` in good health, and where something is torn."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio

import am4cm_cli
from am4cm_cli.health.checksums import check_weights
from am4cm_cli.health.findings import Finding, State, gather
from am4cm_cli.health.probes import probe
from am4cm_cli.health.trial import LEAST, Trial, judge, run_trial
from am4cm_cli.published import PUBLISHED, published_weights
from am4cm_cli.reports.health import health_table
from terminal import shown
from test_commands import process


def findings(done):
    told = json.loads(done.stdout)
    return told["whole"], {(f["topic"], f["name"]): f for f in told["findings"]}


def test_all_is_well_here(tmp_path):
    done = process("doctor", "--json", cwd=tmp_path)
    whole, found = findings(done)
    assert whole, done.stdout
    assert done.returncode == 0
    assert found["GDAL", "GDAL"]["found"] == rasterio.__gdal_version__
    assert found["packages", "numpy"]["found"] == np.__version__
    assert found["machine", "am4cm"]["found"] == am4cm_cli.__version__
    assert found["self-test", "a simulated stack"]["state"] == "good"
    assert done.stderr.decode() == "Everything that masks need is there and works.\n"
    assert not list(tmp_path.iterdir())


def test_packages_that_raise_or_crash_are_no_traceback(tmp_path):
    torn = tmp_path / "torn"
    torn.mkdir()
    (torn / "rasterio.py").write_text("raise RuntimeError('torn apart')")
    (torn / "xarray.py").write_text("import os; os.abort()")
    path = os.pathsep.join([str(torn), os.environ.get("PYTHONPATH", "")])
    done = process("doctor", "--json", cwd=tmp_path, env=os.environ | {"PYTHONPATH": path})
    whole, found = findings(done)
    assert (whole, done.returncode) == (False, 1)
    assert b"Traceback" not in done.stderr
    assert found["packages", "rasterio"]["found"] == "RuntimeError: torn apart"
    assert found["packages", "torch"]["state"] == "good"
    assert found["GDAL", "GDAL"]["state"] == "broken"
    assert found["self-test", "a simulated stack"]["state"] == "broken"
    extra = found["extras", "xarray"]
    assert (extra["state"], extra["needed"]) == ("broken", False)
    assert "ended with code" in extra["found"]


def test_weights_that_were_changed_are_found(tmp_path):
    """In a copy of the package, one byte of the weights is another one."""
    package = tmp_path / "am4cm_cli"
    shutil.copytree(Path(am4cm_cli.__file__).parent, package)
    (package / "_weights").mkdir(exist_ok=True)
    for name in PUBLISHED:
        shutil.copy(published_weights(name), package / "_weights")
    file = package / "_weights" / "sim-10band-2.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    code = (
        "from am4cm_cli.health.checksums import look_at_weights\n"
        "for f in look_at_weights(): print(f.name, f.state, f.needed, f.found)"
    )
    env = os.environ | {"PYTHONPATH": str(tmp_path)}
    words = [sys.executable, "-P", "-c", code]
    done = subprocess.run(words, capture_output=True, check=True, env=env)
    changed, same = done.stdout.decode().splitlines()
    assert changed.startswith("sim-10band-2 broken True ")
    assert changed.endswith("it was changed")
    assert same.startswith("sim-10band good ")


def test_published_checksums_are_those_of_the_files():
    """As coreutils' sha256sum counts them, where there is one."""
    for name, expected in PUBLISHED.items():
        path = published_weights(name)
        assert hashlib.sha256(path.read_bytes()).hexdigest() == expected
        if shutil.which("sha256sum"):
            told = subprocess.run(["sha256sum", path], capture_output=True, check=True)
            assert told.stdout.decode().split()[0] == expected


def test_missing_weights_are_found(tmp_path):
    assert check_weights("sim-10band-2", None, "0" * 64).state is State.BROKEN
    gone = check_weights("sim-10band", None, "0" * 64)
    assert (gone.state, gone.needed) == (State.BROKEN, False)
    assert "Is a directory" in check_weights("sim-10band", tmp_path, "0" * 64).found


def test_the_trial_masks_known_clouds(tmp_path):
    trial = run_trial(tmp_path)
    truth = rasterio.open(tmp_path / "site" / "truth.tif").read()
    percent = rasterio.open(tmp_path / "mask.tif").read()
    thick = [percent[place] >= 50 for place in zip(*np.nonzero(truth == 1), strict=True)]
    assert trial.masked == pytest.approx(sum(thick) / len(thick))
    assert trial.masked > 0.99
    assert trial.kept > 0.97


@pytest.mark.parametrize(("masked", "kept"), [(LEAST - 0.01, 1), (1, LEAST - 0.01), (0, 0)])
def test_a_bad_mask_fails_the_trial(masked, kept):
    assert judge(Trial(masked=masked, kept=kept)).state is State.BROKEN
    assert judge(Trial(masked=LEAST, kept=LEAST)).state is State.GOOD


@pytest.mark.parametrize(
    ("code", "wrong"),
    [
        ("import os; os.abort()", "ended with code"),
        ("raise SystemExit('no')", "no"),
        ("import nothing_of_this_name", "ModuleNotFoundError"),
        ("print('words')", "nothing that can be understood"),
        ("pass", "nothing that can be understood"),
    ],
)
def test_whatever_breaks_is_an_answer(code, wrong):
    assert wrong in probe(code).wrong


def test_a_folder_of_the_same_name_is_no_package(tmp_path, monkeypatch):
    (tmp_path / "json.py").write_text("raise RuntimeError")
    monkeypatch.chdir(tmp_path)
    assert probe("import json; print(json.dumps([1]))").facts == [1]


def test_a_health_is_whole_without_what_is_not_needed():
    good = Finding(topic="packages", name="numpy", found="2")
    none = Finding(topic="extras", name="dask", found="", state=State.MISSING, needed=False)
    bad = Finding(topic="packages", name="torch", found="[red]no", state=State.BROKEN)
    assert gather([good, none]).whole
    assert not gather([good, none, bad]).whole
    table = shown(health_table(gather([good, none, bad])), width=50)
    assert max(map(len, table.splitlines())) <= 50
    assert "BROKEN" in table
    assert "[red]no" in table
