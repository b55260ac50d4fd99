"""Windows of a stack flow through readers, the engine and a writer."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Lock

import torch
from rasterio.windows import Window

from am4cm_cli.clock import Clock
from am4cm_cli.device_engine import DeviceEngine
from am4cm_cli.engine import Engine, Pending
from am4cm_cli.parts import Parts
from am4cm_cli.progress import Track
from am4cm_cli.rasters.ahead import Flow

_LOCK = Lock()
_BEFORE: list[int] = []


def compute_windows(
    engine: Engine | DeviceEngine,
    flow: Flow,
    parts: Parts,
    *,
    track: Track = iter,
) -> None:
    """Compute windows into files of their own: readers ahead, one writer behind.

    Args:
        engine: that computes.
        flow: windows being read.
        parts: where to write them.
        track: follows the windows.

    Raises:
        StackError: an image cannot be read.
        OutputError: a window cannot be written.
    """
    with one_thread_each(), ThreadPoolExecutor(1, "write") as writer:
        line: deque[Future[None]] = deque()
        for window, seen in zip(track(flow.windows), flow.numbers, strict=True):
            pending = engine.start(window, seen, flow.pool)
            # The one before must be written by now: no more than two wait in memory.
            if line:
                line.popleft().result()
            line.append(writer.submit(_save, parts, window, pending, engine.clock))
        for future in line:
            future.result()


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Let torch compute in the threads that call it, and in no others.

    Several threads may be in this block at once; the last to leave sets torch back.
    """
    with _LOCK:
        _BEFORE.append(torch.get_num_threads())
        torch.set_num_threads(1)
    try:
        yield
    finally:
        with _LOCK:
            # The first found torch as it was; those after it found it with one thread.
            before = _BEFORE.pop()
            if not _BEFORE:
                torch.set_num_threads(before)


def _save(parts: Parts, window: Window, pending: Pending, clock: Clock) -> None:
    part = pending()
    with clock("write"):
        parts.save(window, part)
