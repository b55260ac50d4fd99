"""A simulated PASTIS on disk: a folder that appears whole or not at all."""

import json
import os
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import numpy as np

from am4cm_cli.datasets.pastis.layout import (
    ANNOTATIONS,
    IMAGES,
    METADATA,
    STATISTICS,
    images_name,
    target_name,
)
from am4cm_cli.errors import OutputError
from am4cm_cli.folders import new_folder
from am4cm_cli.progress import Track
from am4cm_cli.signals import withheld_interrupts
from am4cm_cli.simulation.pastis.config import PastisConfig
from am4cm_cli.simulation.pastis.metadata import collection, feature
from am4cm_cli.simulation.pastis.patches import SimulatedPatch, simulate_patch
from am4cm_cli.simulation.pastis.sites import Site, sites_of
from am4cm_cli.simulation.pastis.statistics import Sums, statistics, sums_of

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

CLOUDS = "CLOUDS"
"""CLOUDS_{ID}.npy: uint8 (T, Y, X), 0 clear, 1 thick cloud, 2 thin cloud or haze, 3 shadow."""

MEMBERS = (METADATA, STATISTICS, IMAGES, ANNOTATIONS, CLOUDS)
"""What the folder holds, by which a folder to overwrite is known."""


@dataclass(frozen=True, kw_only=True)
class Made:
    """What the lists need to know of a patch whose arrays are written."""

    feature: dict[str, Any]
    sums: Sums


def write_pastis(
    out: Path,
    config: PastisConfig,
    *,
    workers: int = 1,
    overwrite: bool = False,
    track: Track = iter,
) -> None:
    """Write a folder laid out like PASTIS; how many workers there are does not change a byte.

    Raises:
        OutputError: it cannot be written, or a worker died.
    """
    with new_folder(out, members=MEMBERS, overwrite=overwrite) as folder:
        for name in (IMAGES, ANNOTATIONS, CLOUDS):
            (folder / name).mkdir()
        sites = sites_of(config)
        with closing(_made(folder, config, sites, workers=workers)) as done:
            made = [one for _, one in zip(track(sites), done, strict=True)]
        _write_json(folder / METADATA, collection([one.feature for one in made]))
        found = statistics([site.fold for site in sites], [one.sums for one in made])
        _write_json(folder / STATISTICS, found)


def _made(
    folder: Path, config: PastisConfig, sites: tuple[Site, ...], *, workers: int
) -> Generator[Made]:
    """Make the patches side by side; yield them in order. Close it before the folder goes."""
    make = partial(make_patch, folder, config)
    if workers == 1:
        yield from map(make, sites)
        return
    with _pool(min(workers, len(sites))) as pool:
        rest = iter(sites)
        waiting = deque(_submit(pool, make, site) for site in islice(rest, 2 * workers))
        while waiting:
            yield waiting.popleft().result()
            waiting.extend(_submit(pool, make, site) for site in islice(rest, 1))


def _submit(pool: ProcessPoolExecutor, make: Callable[[Site], Made], site: Site) -> Future[Made]:
    """Hand a patch to the pool, which may start a worker for it.

    Ctrl-C goes to all processes of a terminal, but is for the one that unwinds alone. A worker
    begins with the signals blocked that are blocked here; it could not refuse them itself before
    its imports are done.
    """
    with withheld_interrupts():
        return pool.submit(make, site)


@contextmanager
def _pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """Processes that end with the block, at once where it ends with an error.

    Raises:
        OutputError: one of them was killed.
    """
    # Threads of the caller, such as that of a progress bar, must not be forked.
    context = get_context("spawn")
    reader, writer = context.Pipe(duplex=False)
    pool = ProcessPoolExecutor(
        workers, mp_context=context, initializer=_live_with, initargs=(reader,)
    )
    try:
        yield pool
        pool.shutdown()
    except BrokenProcessPool as error:
        raise OutputError(
            f"One of {workers} workers was killed, perhaps for want of memory; "
            "take fewer --workers."
        ) from error
    finally:
        writer.close()
        pool.shutdown(cancel_futures=True)
        reader.close()


def _live_with(reader: "Connection") -> None:
    """Prepare a worker: it is to end when the process that holds the other end of the pipe does.

    That one unwinds at Ctrl-C, and may itself be killed.
    """
    Thread(target=_end_after, args=(reader,), daemon=True).start()


def _end_after(reader: "Connection") -> None:
    reader.poll(None)  # nothing is ever sent: this returns when the other end is closed
    os._exit(1)


def make_patch(folder: Path, config: PastisConfig, site: Site) -> Made:
    """Simulate a patch and write its arrays."""
    patch = simulate_patch(config, site)
    _write_arrays(folder, site.number, patch)
    parcels = patch.annotation.parcels
    return Made(
        feature=feature(
            site,
            dates=[one.time.date() for one in patch.passes],
            parcels=len(np.unique(parcels[parcels > 0])),
            cover=float((parcels > 0).mean()),
        ),
        sums=sums_of(patch.images),
    )


def _write_arrays(folder: Path, number: int, patch: SimulatedPatch) -> None:
    classes = patch.annotation.classes
    # The other two channels of PASTIS's targets are no use to anyone who reads classes.
    target = np.stack([classes, np.zeros_like(classes), np.zeros_like(classes)])
    np.save(folder / images_name(number), patch.images)
    np.save(folder / target_name(number), target)
    np.save(folder / ANNOTATIONS / f"ParcelIDs_{number}.npy", patch.annotation.parcels)
    np.save(folder / CLOUDS / f"CLOUDS_{number}.npy", patch.clouds)


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content) + "\n", encoding="utf-8")
