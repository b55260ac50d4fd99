"""Windows of a stack flow through readers, the engine and a writer."""

from collections import deque
from collections.abc import Iterator, MutableMapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import chain

import torch
from rasterio.windows import Window

from am4cm_cli.clock import Clock
from am4cm_cli.device_engine import DeviceEngine
from am4cm_cli.engine import Engine, Pending
from am4cm_cli.parts import Parts
from am4cm_cli.plan import Plan
from am4cm_cli.progress import Track
from am4cm_cli.rasters.ahead import WindowReader
from am4cm_cli.rasters.reading import Numbers


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
