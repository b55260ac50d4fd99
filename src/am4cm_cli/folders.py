"""Output folders that appear whole or not at all."""

import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path

from am4cm_cli.errors import OutputError
from am4cm_cli.files import check_place


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
    mark = secrets.token_hex(4)
    part, old = (out.with_name(f".{out.name[:50]}.{mark}.{kind}") for kind in ("part", "old"))
    try:
        part.mkdir()
        yield part
        if out.exists():
            out.rename(old)
        part.rename(out)
    except OSError as error:
        # GDAL's own words stand in the cause.
        reason = error.strerror or str(error.__cause__ or error).partition("\n")[0]
        raise OutputError(
            f"{out}: not written ({reason}); free some space, or choose another place."
        ) from error
    finally:
        if old.exists() and not out.exists():
            old.rename(out)
        for rest in (part, old):
            shutil.rmtree(rest, ignore_errors=True)


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
