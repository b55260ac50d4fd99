"""Windows of a stack flow through readers, the engine and a writer."""

from collections import deque
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from math import prod
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rasterio.windows import Window

from am4cm_cli.clock import Clock
from am4cm_cli.device_engine import DeviceEngine
from am4cm_cli.engine import Engine, Pending
from am4cm_cli.parts import Parts
from am4cm_cli.plan import Plan
from am4cm_cli.progress import Track
from am4cm_cli.rasters.handles import OpenFiles
from am4cm_cli.rasters.reading import Numbers, await_all, submit_reads
from am4cm_cli.stacks.headers import quiet
from am4cm_cli.stacks.stack import Stack

Memory = Callable[[int, np.dtype[Any]], NDArray[Any]]
"""Makes an array of so many numbers of a type."""


@dataclass(frozen=True, kw_only=True)
class WindowReader:
    """Reads windows of a stack with several threads."""

    stack: Stack
    bands: tuple[str, ...]
    pool: Executor
    files: OpenFiles
    clock: Clock
    memory: Memory = np.empty

    def submit(self, window: Window, to: Numbers) -> list[Future[None]]:
        """Start to fill numbers with a window."""
        return submit_reads(
            self.pool, self.files, self.stack, self.bands, window, to, clock=self.clock
        )

    def read(self, window: Window) -> Numbers:
        """Read a window into memory of its own."""
        numbers = self.room(window.height * window.width)(window)
        await_all(self.submit(window, numbers))
        return numbers

    def bytes(self, window: Window) -> int:
        """How much memory a window's numbers take."""
        kind = self.stack.number_type(self.bands)
        pixels: int = window.height * window.width
        return len(self.stack.scenes) * pixels * (len(self.bands) * kind.itemsize + 1)

    def room(self, pixels: int) -> "Room":
        """Make room for windows of up to so many pixels."""
        count, bands = len(self.stack.scenes), len(self.bands)
        kind = self.stack.number_type(self.bands)
        return Room(
            dn=self.memory(count * bands * pixels, kind),
            valid=self.memory(count * pixels, np.dtype(np.bool_)),
            dates=count,
            bands=bands,
        )

    def ahead(self, windows: Sequence[Window], count: int) -> Iterator[Numbers]:
        """Yield the numbers of windows, of which so many are being read ahead.

        What was yielded is overwritten once the next is asked for.
        """
        largest = max((window.height * window.width for window in windows), default=0)
        free = deque(self.room(largest) for _ in range(min(count, len(windows) - 1) + 1))
        todo = iter(windows)
        started: deque[tuple[Room, Numbers, list[Future[None]]]] = deque()
        try:
            while True:
                for window in islice(todo, len(free)):
                    room = free.popleft()
                    numbers = room(window)
                    started.append((room, numbers, self.submit(window, numbers)))
                if not started:
                    return
                room, numbers, futures = started.popleft()
                await_all(futures)
                yield numbers
                free.append(room)
        finally:
            for _, _, futures in started:
                for future in futures:
                    future.cancel()


@dataclass(frozen=True, kw_only=True)
class Room:
    """Memory for the numbers of a window, used again and again: new memory comes slowly."""

    dn: NDArray[np.generic]
    """(T * B * P,)"""
    valid: NDArray[np.bool_]
    """(T * P,)"""
    dates: int
    bands: int

    def __call__(self, window: Window) -> Numbers:
        """(T, B, Y, X) numbers for a window in this memory."""
        shape = self.dates, self.bands, window.height, window.width
        seen = self.dates, window.height, window.width
        return Numbers(
            dn=self.dn[: prod(shape)].reshape(shape), valid=self.valid[: prod(seen)].reshape(seen)
        )


@contextmanager
def window_reader(
    stack: Stack,
    bands: tuple[str, ...],
    *,
    threads: int,
    open_files: int,
    clock: Clock,
    memory: Memory = np.empty,
) -> Iterator[WindowReader]:
    """Open a reader; its files stay open until the block ends."""
    files = OpenFiles(open_files)
    with quiet(stack.grid), ThreadPoolExecutor(threads, "read") as pool:
        try:
            yield WindowReader(
                stack=stack, bands=bands, pool=pool, files=files, clock=clock, memory=memory
            )
        finally:
            pool.shutdown(cancel_futures=True)
            files.close()


def compute_windows(
    engine: Engine | DeviceEngine,
    reader: WindowReader,
    windows: Sequence[Window],
    parts: Parts,
    plan: Plan,
    *,
    kept: MutableMapping[tuple[int, int], Numbers],
    track: Track = iter,
) -> None:
    """Compute windows into files of their own: readers ahead, one writer behind.

    Args:
        engine: that computes.
        reader: of the same stack.
        windows: to compute.
        parts: where to write them.
        plan: sizes.
        kept: numbers that were read before, by row and column of a window's first pixel; they go
            first, and out of memory.
        track: follows the windows.

    Raises:
        StackError: an image cannot be read.
        OutputError: a window cannot be written.
    """
    ready = [window for window in windows if _place(window) in kept]
    fresh = [window for window in windows if _place(window) not in kept]
    numbers = chain((kept.pop(_place(window)) for window in ready), reader.ahead(fresh, plan.ahead))
    with one_thread_each(), _pools(plan.threads) as (workers, writer):
        line: deque[Future[None]] = deque()
        for window, seen in zip(track([*ready, *fresh]), numbers, strict=True):
            pending = engine.start(window, seen, workers)
            # The one before must be written by now: no more than two wait in memory.
            if line:
                line.popleft().result()
            line.append(writer.submit(_save, parts, window, pending, reader.clock))
        for future in line:
            future.result()


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Let torch compute in the threads that call it, and in no others."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _pools(threads: int) -> Iterator[tuple[Executor, Executor]]:
    with (
        ThreadPoolExecutor(threads, "compute") as workers,
        ThreadPoolExecutor(1, "write") as writer,
    ):
        try:
            yield workers, writer
        finally:
            workers.shutdown(cancel_futures=True)


def _save(parts: Parts, window: Window, pending: Pending, clock: Clock) -> None:
    part = pending()
    with clock("write"):
        parts.save(window, part)


def _place(window: Window) -> tuple[int, int]:
    return window.row_off, window.col_off
