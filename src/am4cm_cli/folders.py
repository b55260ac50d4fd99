"""Output folders that appear whole or not at all."""

import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path

from am4cm_cli.errors import OutputError


@contextmanager
def new_folder(out: Path, *, members: Sequence[str], overwrite: bool) -> Iterator[Path]:
    """Yield an empty folder beside `out` that takes its place only if the block ends well.

    Args:
        out: does not exist, or is replaced once the new folder is complete.
        members: names or patterns of what such a folder holds; only one that holds nothing else
            is ever replaced.
        overwrite: whether to replace at all.

    Raises:
        OutputError: out exists and is not to be replaced, or its parent is missing.
    """
    _check_free(out, members=members, overwrite=overwrite)
    mark = secrets.token_hex(4)
    part, old = (out.with_name(f".{out.name}.{mark}.{kind}") for kind in ("part", "old"))
    try:
        part.mkdir()
        yield part
        if out.exists():
            out.rename(old)
        part.rename(out)
    finally:
        if old.exists() and not out.exists():
            old.rename(out)
        for rest in (part, old):
            shutil.rmtree(rest, ignore_errors=True)


def _check_free(out: Path, *, members: Sequence[str], overwrite: bool) -> None:
    if not out.absolute().parent.is_dir():
        raise OutputError(f"{out}: its folder {out.parent} does not exist. Create it first.")
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
