"""Windows of a stack, read by several threads ahead of their use."""

from collections import deque
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
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

    def begin(self, windows: Sequence[Window]) -> tuple[list[Numbers], Callable[[], None]]:
        """Begin to read windows, each into memory of its own; return it and what waits for all."""
        found = [self.room(window.height * window.width)(window) for window in windows]
        futures = [*chain.from_iterable(map(self.submit, windows, found))]
        return found, lambda: await_all(futures)

    def read(self, windows: Sequence[Window]) -> list[Numbers]:
        """Read windows, each into memory of its own."""
        found, wait = self.begin(windows)
        wait()
        return found

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

    def flow(
        self,
        windows: Sequence[Window],
        kept: MutableMapping[tuple[int, int], Numbers],
        *,
        ahead: int,
    ) -> "Flow":
        """Begin to read windows; those that are in memory already come first, and leave it.

        Args:
            windows: in the order to read them.
            kept: numbers by row and column of a window's first pixel.
            ahead: windows to read ahead of the one that is used.
        """
        ready = [window for window in windows if _place(window) in kept]
        fresh = [window for window in windows if _place(window) not in kept]
        numbers = chain((kept.pop(_place(window)) for window in ready), self.ahead(fresh, ahead))
        return Flow(windows=[*ready, *fresh], numbers=numbers, pool=self.pool)

    def ahead(self, windows: Sequence[Window], count: int) -> Iterator[Numbers]:
        """Begin to read windows, so many of them ahead of the one that is used.

        Returns:
            An iterator over their numbers; what it yielded is overwritten once the next is asked
            for.
        """
        largest = max((window.height * window.width for window in windows), default=0)
        rooms = [self.room(largest) for _ in range(min(count + 1, len(windows)))]
        todo = iter(windows)
        started = deque(
            self._begin(window, room) for room, window in zip(rooms, todo, strict=False)
        )
        return self._follow(started, todo)

    def _begin(self, window: Window, room: "Room") -> "_Started":
        numbers = room(window)
        return _Started(room=room, numbers=numbers, futures=self.submit(window, numbers))

    def _follow(self, started: "deque[_Started]", todo: Iterator[Window]) -> Iterator[Numbers]:
        try:
            while started:
                first = started.popleft()
                await_all(first.futures)
                yield first.numbers
                started.extend(self._begin(window, first.room) for window in islice(todo, 1))
        finally:
            for reading in started:
                for future in reading.futures:
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


@dataclass(frozen=True, kw_only=True)
class Flow:
    """Windows being read, in the order in which they come."""

    windows: list[Window]
    numbers: Iterator[Numbers]
    """Of each; overwritten once the next is asked for."""
    pool: Executor
    """That reads them; also to compute with, since more threads than cores hold each other up."""


@dataclass(frozen=True, kw_only=True)
class _Started:
    """A window that is being read."""

    room: Room
    numbers: Numbers
    futures: list[Future[None]]


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
    """Open a reader; at most so many files stay open while nobody reads them."""
    files = OpenFiles(open_files)
    with quiet(stack.grid), ThreadPoolExecutor(threads, "read") as pool:
        try:
            yield WindowReader(
                stack=stack, bands=bands, pool=pool, files=files, clock=clock, memory=memory
            )
        finally:
            pool.shutdown(cancel_futures=True)
            files.close()


def _place(window: Window) -> tuple[int, int]:
    return window.row_off, window.col_off
