"""That a skip is a failure where AM4CM_NO_SKIPS says so, but for what cannot be helped."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
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


def run_there(folder, said):
    """The last line of what pytest prints of a folder's tests, with this house's settings."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "conftest", "--rootdir", folder, folder],
        env={**os.environ, "AM4CM_NO_SKIPS": said, "PYTHONPATH": f"{TESTS}"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.splitlines()[-1]
