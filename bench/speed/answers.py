"""What a program of the bench leaves behind: a JSON file of what it timed itself."""

import json
import os
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path


def seconds_of(action: Callable[[], object]) -> float:
    """Time one call."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def since_start() -> float:
    """Seconds since this process began, its interpreter's own start included; Linux alone."""
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    began = int(fields[19]) / os.sysconf("SC_CLK_TCK")
    return time.clock_gettime(time.CLOCK_BOOTTIME) - began


def write_answer(out: Path, facts: Mapping[str, object]) -> None:
    """Write what was found, and on which day."""
    made = f"{datetime.now(tz=UTC):%Y-%m-%d}"
    out.write_text(json.dumps({"made": made, **facts}, indent=1) + "\n")
