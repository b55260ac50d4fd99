"""Whether files are still what they were, by their size and time of change."""

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from am4cm_cli.errors import ChangedError, UnreadableError
from am4cm_cli.rasters.opening import files_behind
from am4cm_cli.stacks.stack import Stack

GONE = "gone"
"""The state of a file that is not there."""


@dataclass(frozen=True, kw_only=True)
class _Found:
    """What the system tells of a file, or of all in a folder."""

    size: int
    """Bytes."""
    changed: int
    """Nanoseconds since 1970, of the one that changed last."""


def file_state(path: Path) -> str:
    """Size and time of change of a file, its zip, a VRT's files or a Zarr store's together.

    What is remote has none.
    """
    try:
        found = _look_up(path)
    except UnreadableError:
        return GONE
    return "; ".join(f"{one.size} bytes, changed at {one.changed}" for one in found)


def file_size(path: Path) -> int:
    """In bytes, of a file, its zip, a VRT's files or a Zarr store's; 0 of what is remote.

    Raises:
        UnreadableError: it has gone.
    """
    return sum(one.size for one in _look_up(path))


def _look_up(path: Path) -> list[_Found]:
    try:
        return [_look_at(file) for file in files_behind(path)]
    except OSError as error:
        raise UnreadableError(
            f"{error.filename}: has gone ({error.strerror}); fetch it again, or remove its scene.",
            path,
        ) from error


def _look_at(path: Path) -> _Found:
    own = path.stat()
    if not stat.S_ISDIR(own.st_mode):
        return _Found(size=own.st_size, changed=own.st_mtime_ns)
    inside = [Path(folder, name).stat() for folder, _, names in os.walk(path) for name in names]
    return _Found(
        size=sum(one.st_size for one in inside),
        changed=max((one.st_mtime_ns for one in inside), default=0),
    )


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
