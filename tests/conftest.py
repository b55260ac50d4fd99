"""Settings for all tests."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

from fuzzing import ODD

# Examples are the same on every run, and a slow machine is not a failure.
settings.register_profile("am4cm", deadline=None, derandomize=True, max_examples=40)
settings.load_profile("am4cm")

# Settings of whoever runs the tests are none of theirs, but for those that are of tests alone;
# /dev/null holds none.
OF_TESTS = {"AM4CM_FUZZ", "AM4CM_NO_SKIPS"}
for name in [name for name in os.environ if name.startswith("AM4CM_")]:
    if name not in OF_TESTS:
        del os.environ[name]
os.environ["AM4CM_CONFIG"] = os.devnull

SHARED = Path(__file__).parents[2] / "shared" / "data"

NO_SKIPS = os.environ.get("AM4CM_NO_SKIPS", "") not in {"", "0"}
"""Whether a test that is skipped has failed, as in `make ci`, where nothing may be lacking."""
UNAVOIDABLE = (
    "needs a GPU",  # machines of CI have none
    "there are GPUs enough",  # and one that has is no place to test what happens without
    "there is a GPU to measure",
    f"no {SHARED}",  # real series that may not be published; they lie on development machines
)
"""What reasons of skips begin with that no CI can help."""


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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = as_told((yield))
    gave_up = call.excinfo and isinstance(call.excinfo.value, pytest.xfail.Exception)
    if NO_SKIPS and report.skipped and gave_up:
        return failed(report, f"expected to fail ({report.wasxfail}), but not run to its end")
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    return as_told((yield))  # modules that skip themselves for want of a library


def as_told(report):
    """The report; that of a failure in place of a skip where none is allowed."""
    if NO_SKIPS and report.skipped and not hasattr(report, "wasxfail"):
        _, _, reason = report.longrepr
        if not reason.removeprefix("Skipped: ").startswith(UNAVOIDABLE):
            return failed(report, reason)
    return report


def failed(report, reason):
    """The report of a test that was not run, as that of a failure."""
    vars(report).pop("wasxfail", None)
    report.outcome, report.longrepr = "failed", f"{reason}; here nothing may be lacking."
    return report


@pytest.fixture(scope="session")
def shared():
    """Real data that is kept beside the repository; tests that need it skip without it."""
    if not SHARED.is_dir():
        pytest.skip(f"no {SHARED}")
    return SHARED
