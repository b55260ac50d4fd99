"""What commands show on standard error: progress and messages; never on standard output."""

import shutil
import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from am4cm_cli.progress import Track

stderr = Console(stderr=True, highlight=False)


class RateColumn(ProgressColumn):
    """Items per second, or seconds per item where these are many."""

    def render(self, task: Task) -> Text:
        """Show the rate of late; nothing before it is known."""
        speed = task.finished_speed or task.speed
        if not speed:
            return Text("")
        return Text(f"{speed:.3g}/s" if speed >= 1 else f"{1 / speed:.3g} s each")


def progress(description: str) -> Track:
    """Follow an iteration with a bar, the rate and the time left.

    Nothing is shown where standard error is not a terminal.
    """

    def follow(items: Iterable[Any]) -> Iterable[Any]:
        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), RateColumn()
        with Progress(
            *columns,
            TimeRemainingColumn(elapsed_when_finished=True),
            console=stderr,
            transient=True,
            disable=not stderr.is_terminal,
        ) as bar:
            yield from bar.track(items, description=description)

    return follow


def unwind() -> None:
    """From here on let Ctrl-C and a polite kill unwind, which takes partial outputs with them.

    Commands call this once their imports are done: an exception in the middle of an import would
    be lost or turned into another one, and until then there is nothing to undo.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, _terminate)


def _terminate(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def say(message: str) -> None:
    """Print one line as it is, without breaking or colouring it."""
    stderr.print(message, soft_wrap=True, markup=False)


@contextmanager
def output(path: Path, *, overwrite: bool) -> Iterator[Path]:
    """Yield the path to write; for - a temporary one that goes to standard output at the end.

    Raises:
        OutputError: nothing can be written there, or - is a terminal.
    """
    from am4cm_cli.errors import OutputError
    from am4cm_cli.files import check_output

    if str(path) != "-":
        check_output(path, overwrite=overwrite)
        yield path
        return
    if sys.stdout.isatty():
        raise OutputError("-: standard output is a terminal; pipe it on, or name a file to write.")
    with TemporaryDirectory(prefix="am4cm-") as folder:
        whole = Path(folder) / "stdout.tif"
        yield whole
        with whole.open("rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)
        sys.stdout.buffer.flush()
