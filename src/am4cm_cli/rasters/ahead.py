"""Windows of a stack, read by several threads ahead of their use."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from am4cm_cli.clock import Clock
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
