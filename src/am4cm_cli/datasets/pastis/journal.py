"""How far a run got, so that the next one with the same inputs and options goes on there.

The journal is a text file: a line that says what the run is, then a line for each patch whose
series are stored, written once they are. It survives the death of the process at any moment; after
a crash of the whole machine, remove the `.partial` folder, as files may have lost their ends.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from am4cm_cli.declared import rebuild
from am4cm_cli.errors import OutputError
from am4cm_cli.locks import held

NAME = "journal"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One patch that is done."""

    patch: int
    series: int
    void: int
    not_taken: int
    unobserved: int


class Journal:
    """The patches that are done, in order, in a file that grows by one line for each."""

    def __init__(self, file: IO[bytes], run: str) -> None:
        """Read what an earlier run left.

        Args:
            file: unbuffered, for reading and writing, at its beginning.
            run: what the run is, in one line; entries of any other are of no use.
        """
        self.file, self.head = file, f"{run}\n".encode()
        content = file.read()
        self.stale = bool(content) and not content.startswith(self.head)
        lines = b"" if self.stale else content[len(self.head) :]
        self.entries = list(_entries(lines.split(b"\n")[:-1]))

    def go_on(self, done: int) -> None:
        """Keep the first `done` entries and forget the others."""
        self.entries = self.entries[:done]
        if self.stale:
            self.file.truncate(0)
        self.file.seek(0)
        self.file.write(b"".join([self.head, *map(_line, self.entries)]))
        self.file.truncate()

    def add(self, entry: Entry) -> None:
        """Say that a patch is done."""
        self.file.write(_line(entry))


def _line(entry: Entry) -> bytes:
    return json.dumps(asdict(entry)).encode() + b"\n"


def _entries(lines: Sequence[bytes]) -> Iterator[Entry]:
    """Yield what whole lines say, up to the first that says nothing."""
    for line in lines:
        try:
            yield rebuild(Entry, json.loads(line), NAME)
        except (ValueError, RecursionError):
            return


@contextmanager
def open_journal(folder: Path, run: str) -> Iterator[Journal]:
    """Yield the journal of a folder, an empty one if there is none.

    Raises:
        OutputError: another process is at work there.
    """
    path = folder / NAME
    path.touch()
    with ExitStack() as stack:
        try:
            stack.enter_context(held(path))
        except BlockingIOError as error:
            raise OutputError(
                f"{folder}: another am4cm is preparing the same output. Wait for it, or choose "
                "another name."
            ) from error
        yield Journal(stack.enter_context(path.open("r+b", buffering=0)), run)
