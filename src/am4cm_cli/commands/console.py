"""What commands show on standard error: progress and messages; never on standard output."""

import shutil
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from types import FrameType
from typing import Any

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

from am4cm_cli.commands.voice import FACTS, LOG, is_live, says_json, stderr
from am4cm_cli.progress import Track

SECONDS_APART = 1.0
"""Between steps that --log-json tells, but for the first and the last."""


class RateColumn(ProgressColumn):
    """Items per second, or seconds per item where these are many."""

    def render(self, task: Task) -> Text:
        """Show the rate of late; nothing before it is known."""
        speed = task.finished_speed or task.speed
        if not speed and task.completed and task.elapsed:  # too quick for samples of the rate
            speed = task.completed / task.elapsed
        if not speed:
            return Text("")
        return Text(tell_rate(speed))


def tell_rate(speed: float) -> str:
    """Items per second with three digits or whole, or seconds per item below one."""
    if speed < 1:
        return f"{1 / speed:,.0f} s each" if speed < 0.01 else f"{1 / speed:.3g} s each"
    return f"{speed:,.0f}/s" if speed >= 100 else f"{speed:.3g}/s"


def progress(description: str) -> Track:
    """Follow an iteration with a bar, the rate and the time left.

    Nothing is shown where standard error is not a terminal, or with --quiet; with --log-json there
    is a line at most every second.
    """

    def follow(items: Iterable[Any]) -> Iterable[Any]:
        start = monotonic()
        yield from shown(items)
        LOG.debug(f"{description}: {monotonic() - start:.2f} s")

    def shown(items: Iterable[Any]) -> Iterable[Any]:
        if says_json():
            yield from _tell_steps(description, items)
            return
        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), RateColumn()
        with Progress(
            *columns,
            TimeRemainingColumn(elapsed_when_finished=True),
            console=stderr,
            transient=True,
            disable=not is_live(),
        ) as bar:
            yield from bar.track(items, description=description)

    return follow


def _tell_steps(task: str, items: Iterable[Any]) -> Iterator[Any]:
    tell = tell_steps(task, len(items) if isinstance(items, Sized) else None)
    tell(0)
    done = 0
    for done, item in enumerate(items, start=1):
        yield item
        tell(done)
    tell(done, last=True)


def tell_steps(task: str, total: int | None) -> Callable[..., None]:
    """What tells --log-json how far a task is: call it with what is done, as often as you like."""
    start = monotonic()
    told, said = -1, start - SECONDS_APART

    def tell(done: int, *, last: bool = False) -> None:
        nonlocal told, said
        now = monotonic()
        ends = last or done == total
        if done == told or (now - said < SECONDS_APART and not ends):
            return
        told, said = done, now
        rate = round(done / (now - start), 3) if done and now > start else None
        facts = {"task": task, "done": done, "total": total, "rate": rate}
        of = "" if total is None else f" of {total}"
        LOG.info(f"{task}: {done}{of}", extra={FACTS: facts})

    return tell


@contextmanager
def waiting(description: str) -> Iterator[None]:
    """Show that something goes on that tells no steps."""
    start = monotonic()
    with stderr.status(description) if is_live() and not says_json() else nullcontext():
        yield
    LOG.debug(f"{description}: {monotonic() - start:.2f} s")


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
    """Say one line, without breaking or colouring it; nothing with --quiet."""
    LOG.info(message)


def complain(message: str) -> None:
    """Say that something failed while the work goes on."""
    LOG.error(message)


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
