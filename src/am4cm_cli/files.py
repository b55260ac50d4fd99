"""Outputs that appear whole or not at all."""

import errno
import os
import secrets
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryFile

from am4cm_cli.errors import OutputError

_DISK_IS_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def is_file(path: Path) -> bool:
    """Whether a file is there that we may know of; a name too long is none."""
    try:
        return path.is_file()
    except OSError:
        return False


def check_output(path: Path, *, overwrite: bool) -> None:
    """Raise OutputError if a file cannot appear at this path, before any work is spent on it."""
    check_place(path)
    if path.exists() and not path.is_file():
        kind = "a folder" if path.is_dir() else "not a regular file"
        raise OutputError(f"{path}: is {kind}; give the name of a file to write.")
    if path.exists() and not overwrite:
        raise OutputError(f"{path}: exists already; choose another name, or --overwrite it.")


def check_place(path: Path) -> None:
    """Raise OutputError if nothing new can take this name in its folder."""
    if path.name in {"", ".."}:
        raise OutputError(f"{path}: is a folder without a name of its own; name what to write.")
    if not path.parent.is_dir():
        raise OutputError(f"{path}: its folder {path.parent} does not exist; create it first.")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise OutputError(f"{path}: its folder {path.parent} is not writable; choose another.")
    try:
        path.exists()  # fails if the name is too long
        # Permissions don't tell all: even root can make nothing in /proc.
        with TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise OutputError(
            f"{path}: nothing can be written there ({error.strerror}); choose another place."
        ) from error


def check_apart(
    paths: Sequence[Path], inputs: Sequence[Path], folders: Sequence[Path] = ()
) -> None:
    """Raise OutputError if an output takes the place of another, or of what is read.

    Args:
        paths: outputs of a run.
        inputs: files that it reads.
        folders: those of the outputs that are replaced as a whole.
    """
    whole = [path.resolve() for path in (*paths, *inputs)]
    uses = Counter(whole)
    for path, found in zip(paths, whole, strict=False):
        if uses[found] > 1:
            raise OutputError(f"{path}: is named for two files of this run; choose another name.")
    for folder in folders:
        within = [path for path in whole if folder.resolve() in path.parents]
        if within:
            raise OutputError(
                f"{folder}: is replaced as a whole, but {within[0].name} is in it; choose another "
                "name."
            )


@contextmanager
def appear(path: Path) -> Iterator[Path]:
    """Yield a temporary path that takes the name `path` only if the block ends without an error.

    The temporary file lies in the same folder, hidden, with the same suffix.
    """
    with _temporary(path) as part:
        try:
            yield part
            part.replace(path)
        except OSError as error:
            if error.errno in _DISK_IS_FULL:
                raise OutputError(
                    f"{path}: not written, {error.strerror}; free some space."
                ) from error
            raise


@contextmanager
def appear_together(paths: Sequence[Path]) -> Iterator[list[Path]]:
    """Yield temporary paths that take these names, all of them, if the block ends without an error.

    Raises:
        OutputError: one cannot take its name; then those that had none before are removed again.
    """
    with ExitStack() as stack:
        parts = [stack.enter_context(_temporary(path)) for path in paths]
        yield parts
        new = [path for path in paths if not path.exists()]
        try:
            for part, path in zip(parts, paths, strict=True):
                part.replace(path)
        except OSError as error:
            for made in new:
                made.unlink(missing_ok=True)
            raise OutputError(f"{path}: not written, {error.strerror}.") from error


@contextmanager
def _temporary(path: Path) -> Iterator[Path]:
    # Two processes may write the same output at once, on two machines with the same process ids.
    part = path.with_name(f".{path.stem}.{os.getpid()}-{secrets.token_hex(4)}{path.suffix}")
    try:
        yield part
    finally:
        part.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a whole file at once."""
    with appear(path) as part:
        part.write_bytes(content)


def write_text(path: Path, text: str) -> None:
    """Write a whole text file at once, in UTF-8."""
    write_bytes(path, text.encode())
