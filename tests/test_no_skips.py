"""That a skip is a failure where AM4CM_NO_SKIPS says so, but for what cannot be helped."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
PROJECT = TESTS.parent / "pyproject.toml"
WITHIN = """
import pytest

def test_passes():
    pass

@pytest.mark.skipif(True, reason="no GDAL tools")
def test_lacks_a_tool():
    pass

@pytest.mark.skipif(True, reason="needs a GPU")
def test_lacks_a_gpu():
    pass

def test_lacks_data():
    from conftest import SHARED
    pytest.skip(f"no {SHARED}")

@pytest.mark.xfail(reason="known", strict=True)
def test_fails_as_expected():
    raise AssertionError
"""
UNRUN = """
import pytest

@pytest.mark.xfail(reason="known", run=False)
def test_is_not_run():
    raise AssertionError

def test_gives_up():
    pytest.xfail("known")
"""
SETTINGS = """
import os

def test_of_tests_alone():
    found = {name for name in os.environ if name.startswith("AM4CM_")}
    assert found == {"AM4CM_CONFIG", "AM4CM_FUZZ", "AM4CM_NO_SKIPS"}
"""
XPASSING = """
import pytest

@pytest.mark.xfail(reason="mended since")
def test_passes():
    pass
"""
WHOLLY = 'import pytest\npytest.importorskip("no_such_library")\n'


@pytest.mark.parametrize(
    ("said", "skipped", "failed"), [("1", 2, True), ("", 3, False), ("0", 3, False)]
)
def test_a_skip_is_a_failure_where_nothing_may_be_lacking(tmp_path, said, skipped, failed):
    (tmp_path / "test_within.py").write_text(WITHIN)
    told = run_there(tmp_path, said)
    assert "1 passed" in told
    assert f"{skipped} skipped" in told
    assert ("1 error" in told) == failed
    assert "1 xfailed" in told


@pytest.mark.parametrize(("said", "outcome"), [("1", "1 error"), ("", "1 skipped")])
def test_so_is_a_module_without_its_library(tmp_path, said, outcome):
    (tmp_path / "test_wholly.py").write_text(WHOLLY)
    assert outcome in run_there(tmp_path, said)


@pytest.mark.parametrize(("said", "outcome"), [("1", "1 failed, 1 error in"), ("", "2 xfailed in")])
def test_so_is_a_known_failure_that_was_not_run(tmp_path, said, outcome):
    (tmp_path / "test_unrun.py").write_text(UNRUN)
    assert run_there(tmp_path, said).startswith(outcome)


def test_a_known_failure_that_passes_is_a_failure(tmp_path):
    (tmp_path / "test_xpassing.py").write_text(XPASSING)
    assert run_there(tmp_path, "", "-c", PROJECT).startswith("FAILED")


def test_settings_of_whoever_runs_the_tests_are_none_of_theirs(tmp_path):
    (tmp_path / "test_settings.py").write_text(SETTINGS)
    assert "1 passed" in run_there(tmp_path, "", AM4CM_QUIET="1", AM4CM_FUZZ="0.5")


@pytest.mark.skipif(not shutil.which("make"), reason="no make")
def test_ci_tries_as_much_whatever_the_environment_says():
    words = ["make", "--dry-run", "--directory", TESTS.parent, "ci"]
    env = {**os.environ, "AM4CM_FUZZ": "0"}
    done = subprocess.run(words, env=env, capture_output=True, text=True, check=True)
    (tests,) = (line for line in done.stdout.splitlines() if "AM4CM_NO_SKIPS=" in line)
    assert "AM4CM_FUZZ=1 " in tests


def run_there(folder, said, *options, **env):
    """The last line of what pytest prints of a folder's tests, with this house's settings."""
    words = ["-m", "pytest", "-q", "-p", "conftest", "--rootdir", folder, *options, folder]
    done = subprocess.run(
        [sys.executable, *words],
        env={**os.environ, "AM4CM_NO_SKIPS": said, "PYTHONPATH": path(), **env},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.splitlines()[-1]


def path():
    """Where the tests are found, before what is found already."""
    return os.pathsep.join([str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])])
