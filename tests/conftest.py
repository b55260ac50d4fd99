"""Settings for all tests."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

from fuzzing import ODD

# Examples are the same on every run, and a slow machine is not a failure.
settings.register_profile("am4cm", deadline=None, derandomize=True, max_examples=40)
settings.load_profile("am4cm")

# Settings of whoever runs the tests are none of theirs; /dev/null holds none.
os.environ["AM4CM_CONFIG"] = os.devnull

SHARED = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture
def tried(request):
    """Counts the cases of a fuzz test; the summary tells how many there were."""
    told = request.node.user_properties

    def one() -> None:
        told[:] = [(ODD, dict(told).get(ODD, 0) + 1)]

    return one


def pytest_terminal_summary(terminalreporter):
    reports = [
        report for kind in ("passed", "failed") for report in terminalreporter.getreports(kind)
    ]
    ran = [dict(report.user_properties) for report in reports]
    if total := sum(own.get(ODD, 0) for own in ran):
        terminalreporter.write_line(f"{total:,} damaged inputs tried")


@pytest.fixture(scope="session")
def shared():
    """Real data that is kept beside the repository; tests that need it skip without it."""
    if not SHARED.is_dir():
        pytest.skip(f"no {SHARED}")
    return SHARED
