"""A mask half done: its windows in files of their own, and a journal of what they are for.

Everything lies in a folder beside the output, so a run that was stopped, even by kill -9, goes on
where it was: a window's file is there whole or not at all.
"""

from __future__ import annotations

import json
import shutil
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, is_zipfile

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from am4cm_cli.errors import OutputError
from am4cm_cli.files import appear, write_text
from am4cm_cli.npy import NO_ARRAY, read_array

JOURNAL = "journal.json"
MOST_NAMES = 5
"""Of what changed, in a message."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """All that is known of a window once it has been computed."""

    layers: tuple[NDArray[Any], ...]
    """(bands, Y, X) of each raster to write."""
    strips: Mapping[str, NDArray[np.float32]]
    """(C, T, Y, X) planes along the sides that other windows adjoin."""


@dataclass(frozen=True, kw_only=True)
class Parts:
    """A folder of computed windows."""

    folder: Path
    compression: int = ZIP_STORED
    """Of layers: ZIP_DEFLATED makes files a fifth as large, at 100 MB a second."""
    journaled: bool = True
    """Whether a later run may go on with them."""

    def path(self, window: Window) -> Path:
        """Where a window's file is, or will be."""
        return self.folder / f"window-{window.row_off:06d}-{window.col_off:06d}.npz"

    def has(self, window: Window) -> bool:
        """Whether a window is done."""
        return is_zipfile(self.path(window))

    def save(
        self, window: Window, part: Part, *, check: Callable[[], object] = lambda: None
    ) -> None:
        """Write a window's file; `check` is called just before it appears, and may fail."""
        if not self.folder.is_dir():
            raise OutputError(
                f"{self.folder}: went away while its windows were computed. Is another run writing "
                "the same output? Give the command again once that has ended."
            )
        with (
            appear(self.path(window)) as path,
            ZipFile(path, "w", ZIP_DEFLATED, compresslevel=1) as archive,
        ):
            for number, layer in enumerate(part.layers):
                _write(archive, f"layer-{number}", layer, self.compression)
            for side, strip in part.strips.items():
                _write(archive, side, strip, ZIP_STORED)
            check()

    def note(self, journal: Journal) -> None:
        """Write down what the parts are for, if a later run may go on with them."""
        if self.journaled:
            content = {"facts": dict(journal.facts), "found": dict(journal.found)}
            write_text(self.folder / JOURNAL, json.dumps(content, indent=1) + "\n")

    def layers(self, window: Window, count: int) -> list[NDArray[Any]]:
        """Read what a window will show in each raster, but for its seams."""
        return [self._read(window, f"layer-{number}") for number in range(count)]

    def strip(self, window: Window, side: str) -> NDArray[np.float32]:
        """Read the planes along one of a window's sides."""
        strip: NDArray[np.float32] = self._read(window, side)
        return strip

    def _read(self, window: Window, name: str) -> NDArray[Any]:
        path = self.path(window)
        try:
            with ZipFile(path) as archive, archive.open(f"{name}.npy") as file:
                return read_array(file)
        except (OSError, KeyError, *NO_ARRAY, BadZipFile, zlib.error) as error:
            raise OutputError(
                f"{path}: cannot be read ({error}); delete it and give the same command again, "
                "which computes this window anew."
            ) from error


@dataclass(frozen=True, kw_only=True)
class Journal:
    """What the parts in a folder are for."""

    facts: Mapping[str, str]
    """All that decides a mask's pixels, by what a user would call it."""
    found: Mapping[str, Any]
    """What the stack's own sample told, as JSON holds it."""


def parts_folder(out: Path) -> Path:
    """Where what is done of an output waits until all of it is."""
    return out.with_name(f"{out.name}.parts")


def is_begun(out: Path) -> bool:
    """Whether an earlier run left something of an output to go on from."""
    return JOURNAL in _names(parts_folder(out))


@contextmanager
def continued_parts(
    folder: Path,
    facts: Mapping[str, str],
    *,
    compression: int = ZIP_STORED,
    voiding: tuple[type[BaseException], ...] = (),
    tell: Callable[[str], object],
) -> Iterator[tuple[Parts, Journal | None]]:
    """Go on in a folder of parts where an earlier run stopped, or begin anew.

    The folder goes away when the block ends; if it ends by an error, only if nothing was done, or
    nothing that is of use.

    Args:
        folder: of the parts; made if missing.
        facts: of this run; parts that were made for others are of no use.
        compression: see `Parts`.
        voiding: errors after which what is done is of no use.
        tell: is given a sentence if there are parts of an earlier run.

    Yields:
        The parts, and the journal of the earlier run if it is to be continued.
    """
    before = _load_journal(folder)
    changed = _changed_facts(before.facts, facts) if before else []
    if before is None or changed:
        if changed:
            tell(f"{folder}: begun with other things; starting again. Changed: {_few(changed)}.")
        remove_parts(folder)
        before = None
    try:
        if before is None:
            _make(folder)  # here, so that a kill right after it leaves nothing
        yield Parts(folder=folder, compression=compression), before
    except BaseException as error:
        if any(folder.glob("window-*")) and not isinstance(error, voiding):
            tell(f"{folder} keeps what is done; the same command goes on from there.")
        else:
            remove_parts(folder)
        raise
    remove_parts(folder)


@contextmanager
def passing_parts(folder: Path, *, compression: int = ZIP_STORED) -> Iterator[tuple[Parts, None]]:
    """Make a folder of parts that goes away in any case."""
    with TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as name:
        yield Parts(folder=Path(name), compression=compression, journaled=False), None


def remove_parts(folder: Path) -> None:
    """Delete a folder of parts, and nothing if it holds anything else."""
    if not folder.is_dir():
        return
    strange = [path.name for path in folder.iterdir() if not _is_own(path)]
    if strange:
        raise OutputError(
            f"{folder}: holds {strange[0]}, which is not am4cm's; expected only parts of a mask. "
            "Move it away, or choose another output."
        )
    shutil.rmtree(folder)


def facts_before(out: Path) -> Mapping[str, str]:
    """What a run of this output that was stopped rested on; nothing if there is none."""
    journal = _load_journal(parts_folder(out))
    return journal.facts if journal else {}


def forget_parts(folder: Path) -> None:
    """Delete what an earlier run left to be continued; a folder of anything else is left alone."""
    if _load_journal(folder) is not None:
        remove_parts(folder)


def _load_journal(folder: Path) -> Journal | None:
    """Read the journal of a run that was stopped; None if there is none that can be read."""
    try:
        content = json.loads((folder / JOURNAL).read_text(encoding="utf-8"))
        return Journal(facts=dict(content["facts"]), found=dict(content["found"]))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _changed_facts(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Names of facts that differ, are new or have gone."""
    return [name for name in {**before, **now} if before.get(name) != now.get(name)]


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ", ".join(names[:MOST_NAMES]) + more


def _names(folder: Path) -> list[str]:
    """Of what lies in a folder; none where there is no such folder."""
    try:
        return [path.name for path in folder.iterdir()]
    except OSError:
        return []


def _make(folder: Path) -> None:
    try:
        folder.mkdir()
    except OSError as error:
        raise OutputError(
            f"{folder}: cannot be made ({error.strerror}); expected a folder for windows that are "
            "done. Choose another output, or give --no-resume."
        ) from error


def _is_own(path: Path) -> bool:
    name = path.name.removeprefix(".")
    return path.is_file() and (name.startswith("window-") or name.startswith("journal"))


def _write(archive: ZipFile, name: str, array: NDArray[Any], kind: int) -> None:
    archive.compression = kind
    with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
        np.lib.format.write_array(file, np.ascontiguousarray(array), allow_pickle=False)
