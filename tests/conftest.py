"""Settings for all tests."""

from pathlib import Path

import pytest
from hypothesis import settings

# Examples are the same on every run, and a slow machine is not a failure.
settings.register_profile("am4cm", deadline=None, derandomize=True, max_examples=40)
settings.load_profile("am4cm")

SHARED = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared():
    """Real data that is kept beside the repository; tests that need it skip without it."""
    if not SHARED.is_dir():
        pytest.skip(f"no {SHARED}")
    return SHARED
