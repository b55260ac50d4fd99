"""Whether files are still what they were, by their size and time of change."""

import os
from collections.abc import Mapping
from pathlib import Path

from am4cm_cli.errors import ChangedError, UnreadableError
from am4cm_cli.rasters.opening import files_behind
from am4cm_cli.stacks.stack import Stack

GONE = "gone"
"""The state of a file that is not there."""


def file_state(path: Path) -> str:
    """Size and time of change of a file, its zip or a VRT's files; what is remote has none."""
    try:
        found = _look_up(path)
    except UnreadableError:
        return GONE
    return "; ".join(f"{one.st_size} bytes, changed at {one.st_mtime_ns}" for one in found)


def file_size(path: Path) -> int:
    """In bytes, of a file, its zip or a VRT's files; 0 of what is remote.

    Raises:
        UnreadableError: it has gone.
    """
    return sum(one.st_size for one in _look_up(path))


def _look_up(path: Path) -> list[os.stat_result]:
    try:
        return [file.stat() for file in files_behind(path)]
    except OSError as error:
        raise UnreadableError(
            f"{error.filename}: has gone ({error.strerror}); fetch it again, or remove its scene.",
            path,
        ) from error


def image_states(stack: Stack) -> dict[str, str]:
    """States of all files of a stack, by path."""
    paths = {path for scene in stack.scenes for path in scene.paths}
    return {str(path): file_state(path) for path in sorted(paths)}


def check_unchanged(stack: Stack, before: Mapping[str, str]) -> None:
    """Raise ChangedError if a file is not as it was; those of unreadable scenes do not matter."""
    for path in sorted(stack.paths):
        if (now := file_state(path)) != before[str(path)]:
            what = "has gone" if now == GONE else "has changed"
            raise ChangedError(
                f"{path}: {what} while it was read, so what was read of it is of no use. "
                "Give the command again once nobody writes there.",
                path,
            )
