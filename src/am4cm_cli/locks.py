"""Places where one process at a time may be at work."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from am4cm_cli.errors import OutputError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

SUFFIX = ".am4cm-lock"
"""Of a file that stands for a lock where there are no better ones."""


@contextmanager
def held(place: Path) -> Iterator[None]:
    """Keep other processes from holding the same place; the lock ends with the process, if killed.

    Args:
        place: a file or folder that is there.

    Raises:
        BlockingIOError: another process holds it.
        OutputError: it cannot be locked.
    """
    if fcntl is None:
        with _held_by_a_file(place.with_name(place.name + SUFFIX)):
            yield
        return
    # The place itself is locked: no file is left behind. NFS locks only what may be written to.
    with _locking(place):
        number = os.open(place, os.O_RDONLY if place.is_dir() else os.O_RDWR)
    try:
        with _locking(place):
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(number)


@contextmanager
def _locking(place: Path) -> Iterator[None]:
    """Turn what a place does not allow into an error; that it is held already is none."""
    try:
        yield
    except BlockingIOError:
        raise
    except OSError as error:
        raise OutputError(
            f"{place}: cannot be locked ({error.strerror}), so that other runs could write there, "
            "too; expected a place that can be. Choose another, such as one on a disk of this "
            "machine."
        ) from error


@contextmanager
def _held_by_a_file(lock: Path) -> Iterator[None]:
    """By a file that only one process can make, and which Windows removes with that process."""
    fleeting = getattr(os, "O_TEMPORARY", 0)
    with _locking(lock):
        try:
            number = os.open(lock, os.O_CREAT | os.O_EXCL | os.O_RDWR | fleeting)
        except (FileExistsError, PermissionError) as error:
            raise BlockingIOError(error.errno, f"{lock} is there") from error
    try:
        yield
    finally:
        os.close(number)
        lock.unlink(missing_ok=True)
