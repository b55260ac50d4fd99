"""PASTIS to prepared pixel series: patches read side by side, written in order, resumed."""

import hashlib
import json
import shutil
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import islice, takewhile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from am4cm_cli import __version__
from am4cm_cli.datasets.pastis.checking import Pastis
from am4cm_cli.datasets.pastis.choice import PixelChoice
from am4cm_cli.datasets.pastis.journal import Entry, Journal, open_journal
from am4cm_cli.datasets.pastis.layout import CLASSES, images_name, target_name
from am4cm_cli.datasets.pastis.metadata import Patch
from am4cm_cli.datasets.pastis.patches import PatchSeries, buffer_size, read_patch
from am4cm_cli.datasets.pixels import FORMAT, PreparedIndex
from am4cm_cli.datasets.writer import LeftOut, PreparedWriter, Written, holds
from am4cm_cli.folders import WHOLE
from am4cm_cli.progress import Track
from am4cm_cli.sensors import LAND_BANDS

MEMORY = 2**30
"""Bytes for patches that are being read or wait to be written."""


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
        OutputError: another process is at work there.
    """
    patches = tuple(patch for patch in pastis.patches if patch.fold in choice.folds)
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
    with _writer(run, calendars) as writer:
        read = _read(run.pastis.folder, rest, run.choice, workers=workers)
        for patch, series in zip(track(rest), read, strict=True):
            _add(writer, patch, series, calendar=place[patch.days])
            run.journal.add(_entry(patch, series))
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


def _add(writer: PreparedWriter, patch: Patch, series: PatchSeries, *, calendar: int) -> None:
    writer.add(
        fold=patch.fold,
        calendar=calendar,
        reflectance=series.reflectance,
        target=series.target,
        group=np.full(len(series.target), patch.number),
        pixel=series.pixel,
    )
    writer.left_out += series.left_out


def _entry(patch: Patch, series: PatchSeries) -> Entry:
    return Entry(patch=patch.number, series=len(series.target), **asdict(series.left_out))


def _read(
    folder: Path, patches: Sequence[Patch], choice: PixelChoice, *, workers: int
) -> Iterator[PatchSeries]:
    """Yield the series of each patch in order; they are overwritten once the next is asked for."""
    rest = iter(patches)
    buffers = _buffers(patches, choice, workers=workers)
    pool = ThreadPoolExecutor(workers)
    try:
        waiting = deque(
            (pool.submit(read_patch, folder, patch, choice, buffer), buffer)
            for buffer, patch in zip(buffers, rest, strict=False)
        )
        while waiting:
            future, buffer = waiting.popleft()
            yield future.result()
            for patch in islice(rest, 1):
                waiting.append((pool.submit(read_patch, folder, patch, choice, buffer), buffer))
    finally:
        pool.shutdown(cancel_futures=True)


def _buffers(
    patches: Sequence[Patch], choice: PixelChoice, *, workers: int
) -> list[NDArray[np.int16]]:
    """Make memory for some patches more than there are workers, as far as MEMORY allows."""
    largest = max((buffer_size(patch, choice) for patch in patches), default=0)
    mapped = max((buffer_size(patch, PixelChoice()) for patch in patches), default=1)
    room = MEMORY // ((largest + mapped) * np.dtype(np.int16).itemsize)
    return [np.empty(largest, np.int16) for _ in range(max(2, min(workers + 2, room)))]
