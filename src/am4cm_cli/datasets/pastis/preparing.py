"""PASTIS to prepared pixel series: patches read side by side, written in order, resumed."""

import hashlib
import json
import shutil
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import TypeVar

import numpy as np

from am4cm_cli import __version__
from am4cm_cli.datasets.pastis.checking import Pastis
from am4cm_cli.datasets.pastis.choice import PixelChoice
from am4cm_cli.datasets.pastis.journal import Entry, Journal, open_journal
from am4cm_cli.datasets.pastis.layout import CLASSES, images_name, target_name
from am4cm_cli.datasets.pastis.metadata import Patch
from am4cm_cli.datasets.pastis.patches import PatchPixels, find_pixels, read_series
from am4cm_cli.datasets.pixels import FORMAT, PreparedIndex
from am4cm_cli.datasets.writer import LeftOut, PreparedWriter, Written, holds
from am4cm_cli.errors import DataError
from am4cm_cli.folders import WHOLE
from am4cm_cli.progress import Track
from am4cm_cli.sensors import LAND_BANDS

Answer = TypeVar("Answer")


@dataclass(frozen=True, kw_only=True)
class Run:
    """What is to be prepared, and how much of it an earlier run has left."""

    pastis: Pastis
    choice: PixelChoice
    patches: tuple[Patch, ...]
    """Of the chosen folds."""
    whole: Path
    """The prepared folder in the making."""
    journal: Journal
    done: int
    """Of the patches, from the first on."""

    @property
    def note(self) -> str | None:
        """What the user should know of an earlier run."""
        if self.journal.stale:
            return "What an earlier run left is of other options or inputs: starting afresh."
        if self.done:
            return f"Going on where it stopped: {self.done} of {len(self.patches)} patches done."
        return None


@contextmanager
def open_run(pastis: Pastis, work: Path, choice: PixelChoice) -> Iterator[Run]:
    """Yield what is to be done in a work folder, which may hold what an earlier run left.

    Raises:
        DataError: no patch is in the chosen folds.
        OutputError: another process is at work there.
    """
    patches = tuple(patch for patch in pastis.patches if patch.fold in choice.folds)
    if not patches:
        raise DataError(_none_chosen(pastis, choice))
    whole = work / WHOLE
    with open_journal(work, _identity(pastis.folder, patches, choice)) as journal:
        known = zip(journal.entries, patches, strict=False)
        done = len(list(takewhile(lambda pair: pair[0].patch == pair[1].number, known)))
        written = _written(journal.entries[:done], patches, choice)
        if not holds(whole, bands=len(LAND_BANDS), written=written):
            done = 0
        yield Run(
            pastis=pastis, choice=choice, patches=patches, whole=whole, journal=journal, done=done
        )


def _none_chosen(pastis: Pastis, choice: PixelChoice) -> str:
    found = sorted({patch.fold for patch in pastis.patches})
    return (
        f"{pastis.folder}: found no patch in fold {', '.join(map(str, choice.folds))}, only in "
        f"{', '.join(map(str, found))}; choose other --folds."
    )


def _identity(folder: Path, patches: Sequence[Patch], choice: PixelChoice) -> str:
    """Say in one line all that decides about the bytes to write."""
    inputs = hashlib.sha256(repr(patches).encode())
    for patch in patches:
        for name in (images_name(patch.number), target_name(patch.number)):
            stat = (folder / name).stat()
            inputs.update(f"{name} {stat.st_size} {stat.st_mtime_ns}\n".encode())
    facts = {
        "am4cm": __version__,
        "format": FORMAT,
        "folder": str(folder),
        "choice": asdict(choice),
        "inputs": inputs.hexdigest(),
    }
    return json.dumps(facts)


def _written(
    entries: Sequence[Entry], patches: Sequence[Patch], choice: PixelChoice
) -> dict[int, Written]:
    """Add up what is stored of each fold."""
    written = dict.fromkeys(choice.folds, Written())
    for entry, patch in zip(entries, patches, strict=False):
        written[patch.fold] += Written(
            series=entry.series,
            observations=entry.series * len(patch.days),
            groups=frozenset([entry.patch] if entry.series else []),
        )
    return written


def prepare_run(run: Run, *, workers: int, track: Track = iter) -> PreparedIndex:
    """Write what is left to do; the bytes do not depend on workers or interruptions.

    Raises:
        DataError: a file is not what it was when it was checked.
    """
    run.journal.go_on(run.done)
    if not run.done:
        shutil.rmtree(run.whole, ignore_errors=True)
    rest = run.patches[run.done :]
    calendars = list(dict.fromkeys(patch.days for patch in run.patches))
    place = {days: number for number, days in enumerate(calendars)}
    with _writer(run, calendars) as writer, _pool(workers) as pool:
        stored = _store(run, rest, writer, pool, ahead=workers + 2)
        for patch, pixels in zip(track(rest), stored, strict=True):
            _add_names(writer, pixels, calendar=place[patch.days])
            run.journal.add(_entry(pixels))
        return writer.finish(
            bands=LAND_BANDS,
            classes=CLASSES,
            sources=(str(run.pastis.folder),),
            grouping="patch",
        )


def _writer(run: Run, calendars: Sequence[tuple[int, ...]]) -> PreparedWriter:
    entries = run.journal.entries
    left_out = LeftOut()
    for entry in entries:
        left_out += LeftOut(void=entry.void, not_taken=entry.not_taken, unobserved=entry.unobserved)
    days = [np.array(calendar, np.int32) for calendar in calendars]
    return PreparedWriter(
        run.whole,
        bands=len(LAND_BANDS),
        # All folds share them: a fold without a patch is well-formed, too.
        calendars=dict.fromkeys(run.choice.folds, days),
        written=_written(entries, run.patches, run.choice),
        left_out=left_out,
    )


def _add_names(writer: PreparedWriter, pixels: PatchPixels, *, calendar: int) -> None:
    writer.add_names(
        fold=pixels.patch.fold,
        calendar=calendar,
        target=pixels.target,
        group=np.full(len(pixels.target), pixels.patch.number),
        pixel=pixels.pixel,
    )
    writer.left_out += pixels.left_out


def _entry(pixels: PatchPixels) -> Entry:
    return Entry(patch=pixels.patch.number, series=len(pixels.target), **asdict(pixels.left_out))


@contextmanager
def _pool(workers: int) -> Iterator[ThreadPoolExecutor]:
    """Threads are enough, as NumPy lets go of the interpreter; none outlives the block."""
    pool = ThreadPoolExecutor(workers)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _store(
    run: Run,
    patches: Sequence[Patch],
    writer: PreparedWriter,
    pool: ThreadPoolExecutor,
    *,
    ahead: int,
) -> Iterator[PatchPixels]:
    """Yield the pixels of each patch in order, once their reflectance is stored.

    Only when its pixels are known is it known how much room a patch takes, and so where the next
    one begins; all else is done side by side, each patch by one thread from the file to the file.
    """
    folder = run.pastis.folder
    found = _in_order(
        pool, (partial(find_pixels, folder, patch, run.choice) for patch in patches), ahead=ahead
    )
    yield from _in_order(pool, (_storing(folder, pixels, writer) for pixels in found), ahead=ahead)


def _storing(
    folder: Path, pixels: PatchPixels, writer: PreparedWriter
) -> Callable[[], PatchPixels]:
    """Reserve room for a patch; what is returned fills it."""
    array = writer.reflectance(pixels.patch.fold)
    first = array.reserve(pixels.observations)

    def store() -> PatchPixels:
        place = first
        for series in read_series(folder, pixels):
            rows = series.reshape(-1, series.shape[-1])
            array.put(place, rows)
            place += len(rows)
        return pixels

    return store


def _in_order(
    pool: ThreadPoolExecutor, tasks: Iterable[Callable[[], Answer]], *, ahead: int
) -> Iterator[Answer]:
    """Yield the answers of tasks in their order, while some that follow are at work."""
    waiting: deque[Future[Answer]] = deque()
    for task in tasks:
        waiting.append(pool.submit(task))
        if len(waiting) > ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()
