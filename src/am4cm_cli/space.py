"""Room on the disk, asked for before it is filled."""

import shutil
from pathlib import Path

from am4cm_cli.errors import OutputError

GB = 1e9


def check_space(folder: Path, needed: float, purpose: str) -> None:
    """Raise OutputError if a folder's disk has less than these bytes free."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise OutputError(
            f"{folder}: {free / GB:.1f} GB are free, {needed / GB:.1f} GB are needed {purpose}. "
            "Free some space, or choose another disk; what is there already is kept."
        )
