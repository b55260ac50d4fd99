"""Output folders that appear whole or not at all."""

import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path

from am4cm_cli.errors import OutputError
from am4cm_cli.files import check_place

WHOLE = "whole"
"""In a kept folder, the subfolder that becomes the output."""


@contextmanager
def new_folder(out: Path, *, members: Sequence[str], overwrite: bool) -> Iterator[Path]:
    """Yield an empty folder beside `out` that takes its place only if the block ends well.

    Args:
        out: does not exist, or is replaced once the new folder is complete.
        members: names or patterns of what such a folder holds; only one that holds nothing else
            is ever replaced.
        overwrite: whether to replace at all.

    Raises:
        OutputError: out exists and is not to be replaced, its parent is missing or not writable,
            or the disk is full.
    """
    _check_free(out, members=members, overwrite=overwrite)
    part = _beside(out, "part")
    try:
        with _told(out):
            part.mkdir()
            yield part
            _take_place(part, out)
    finally:
        shutil.rmtree(part, ignore_errors=True)


@contextmanager
def kept_folder(out: Path, *, members: Sequence[str], overwrite: bool) -> Iterator[Path]:
    """Yield a folder beside `out` that outlives a failed block, so that the next one can go on.

    What lies in its subfolder WHOLE takes the place of `out` if the block ends well.

    Args:
        out: as for `new_folder`.
        members: as for `new_folder`.
        overwrite: as for `new_folder`.

    Raises:
        OutputError: as `new_folder` does.
    """
    _check_free(out, members=members, overwrite=overwrite)
    kept = out.with_name(f".{out.name}.partial")
    with _told(out):
        try:
            kept.mkdir(exist_ok=True)
            yield kept
            _take_place(kept / WHOLE, out)
            shutil.rmtree(kept)
        finally:
            if kept.is_dir() and not any(kept.iterdir()):
                kept.rmdir()  # nothing to go on with


@contextmanager
def _told(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        # GDAL's own words stand in the cause.
        reason = error.strerror or str(error.__cause__ or error).partition("\n")[0]
        raise OutputError(
            f"{out}: not written ({reason}); free some space, or choose another place."
        ) from error


def _take_place(part: Path, out: Path) -> None:
    """Rename a complete folder to `out`; what was there goes, but not before."""
    old = _beside(out, "old")
    try:
        if out.exists():
            out.rename(old)
        part.rename(out)
    finally:
        if old.exists() and not out.exists():
            old.rename(out)
        shutil.rmtree(old, ignore_errors=True)


def _beside(out: Path, kind: str) -> Path:
    return out.with_name(f".{out.name[:50]}.{secrets.token_hex(4)}.{kind}")


def _check_free(out: Path, *, members: Sequence[str], overwrite: bool) -> None:
    check_place(out)
    if not out.exists():
        return
    if not overwrite:
        raise OutputError(f"{out}: exists already; choose another name, or --overwrite it.")
    # A whole folder is about to go: make sure that it is one of ours.
    if not out.is_dir() or not all(_is_member(path.name, members) for path in out.iterdir()):
        raise OutputError(
            f"{out}: holds more than {', '.join(members)}, so it is not replaced. "
            "Choose another name, or remove it yourself first."
        )


def _is_member(name: str, members: Sequence[str]) -> bool:
    return any(fnmatch(name, pattern) for pattern in members)
