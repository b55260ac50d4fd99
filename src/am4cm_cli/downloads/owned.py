"""A folder to download into, kept from other runs meanwhile."""

import errno
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from am4cm_cli.datasets.pastis.layout import is_pastis
from am4cm_cli.errors import OutputError
from am4cm_cli.files import check_place
from am4cm_cli.locks import held


@contextmanager
def own_folder(folder: Path, *, archive: str) -> Iterator[None]:
    """Make a folder if need be, and keep other runs out of it during the block.

    A new folder into which nothing came is removed again.

    Args:
        folder: new, empty, PASTIS whole or not, or what an earlier run left.
        archive: name of the zip that is to come.

    Raises:
        OutputError: the folder is another one, or in use, or the disk failed in the block.
    """
    try:
        is_new = not folder.exists()
        _make(folder, archive)
        try:
            with _alone(folder):
                yield
        finally:
            if is_new and not any(folder.iterdir()):
                folder.rmdir()
    except OSError as error:
        raise OutputError(
            f"{error.filename or folder}: not written ({error.strerror}). Mend it, or free some "
            "space; the same command goes on where it stopped."
        ) from error


def _make(folder: Path, archive: str) -> None:
    if not folder.exists():
        check_place(folder)
        folder.mkdir()
    if not folder.is_dir():
        raise OutputError(f"{folder}: is not a folder; choose another name.")
    names = sorted(path.name for path in folder.iterdir())
    begun = any(name.startswith(archive) for name in names)
    if names and not begun and not is_pastis(folder):
        raise OutputError(
            f"{folder}: found {names[0]}, expected a new or an empty folder, or one with PASTIS; "
            "choose another."
        )
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"{folder}: is not writable ({os.strerror(errno.EACCES)}).")


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    with ExitStack() as stack:
        try:
            stack.enter_context(held(folder))
        except BlockingIOError as error:
            raise OutputError(
                f"{folder}: another run is at work there; let it end first."
            ) from error
        yield
