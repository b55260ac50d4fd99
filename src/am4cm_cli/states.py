"""Whether files are still what they were, by their size and time of change."""

from collections.abc import Mapping
from pathlib import Path

from am4cm_cli.errors import ChangedError, UnreadableError
from am4cm_cli.stacks.locations import look_up
from am4cm_cli.stacks.stack import Stack

GONE = "gone"
"""The state of a file that is not there."""


def file_state(path: Path) -> str:
    """Size and time of change; GDAL's virtual files have neither."""
    try:
        found = look_up(path)
    except UnreadableError:
        return GONE
    return f"{found.st_size} bytes, changed at {found.st_mtime_ns}" if found else ""


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
