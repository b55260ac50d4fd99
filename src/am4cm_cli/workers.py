"""What a worker of a dask cluster does: it reads, computes and saves windows of one mask."""

from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from socket import gethostname
from threading import Lock
from typing import Any

from distributed import WorkerPlugin, get_worker
from rasterio.windows import Window

from am4cm_cli.clock import Clock
from am4cm_cli.engine import Engine
from am4cm_cli.errors import Am4cmError, OutputError, StackError, UnreadableError, first_line
from am4cm_cli.jobs import MaskJob
from am4cm_cli.judgement import Judge
from am4cm_cli.parts import Part, Parts
from am4cm_cli.rasters.ahead import Room, WindowReader, window_reader
from am4cm_cli.rasters.cache import bounded_cache
from am4cm_cli.rasters.reading import await_all
from am4cm_cli.states import file_size
from am4cm_cli.streaming import one_thread_each


@dataclass(frozen=True, kw_only=True)
class Errand:
    """All that a worker needs for the windows of one mask; every path is absolute."""

    job: MaskJob
    judge: Judge
    parts: Parts
    sizes: Mapping[Path, int]
    """Bytes of each image, as the client sees them."""
    ticket: str
    """Name of a file in the folder of parts that is there as long as windows are wanted."""
    threads: int
    """That compute a window; as many read."""

    def check(self) -> None:
        """Raise OutputError unless this machine sees the client's folder of parts."""
        folder = self.parts.folder
        try:
            # Opened, since a network's file system may remember for a while what has gone.
            with (folder / self.ticket).open("rb"):
                pass
        except OSError as error:
            raise OutputError(
                f"{folder}: the worker on {gethostname()} does not see this folder as the client "
                f"does ({error.strerror}); expected storage that all machines share under the "
                "same path. Write the mask there."
            ) from error

    def check_images(self) -> None:
        """Raise StackError unless this machine sees the client's images."""
        for path, expected in self.sizes.items():
            try:
                found = file_size(path)
            except UnreadableError as error:
                reason = first_line(error.__cause__ or error)
                raise StackError(
                    f"{path}: the worker on {gethostname()} cannot see it ({reason}); expected "
                    "images on storage that all machines share under the same path."
                ) from error
            if found != expected:
                raise StackError(
                    f"{path}: the worker on {gethostname()} finds {found} bytes, the client "
                    f"{expected}; expected the same file. Keep images on shared storage."
                )


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What a worker keeps ready between windows."""

    errand: Errand
    engine: Engine
    reader: WindowReader
    pool: Executor
    rooms: deque[Room]
    """Memory that no window uses just now."""

    def compute(self, window: Window) -> None:
        """Compute a window into its file, unless it is there."""
        errand = self.errand
        errand.check()
        if errand.parts.has(window):
            return
        with bounded_cache(errand.job.plan.cache_bytes):  # by thread, as rasterio wants it
            part = self._part(window)
        try:
            # Again, since the run may have ended, and the next one in this folder be another mask:
            # once the file is written, which goes with the folder, and before it has its name.
            errand.parts.save(window, part, check=errand.check)
        except OSError as error:
            raise OutputError(
                f"{errand.parts.folder}: the worker on {gethostname()} cannot write there "
                f"({error.strerror}); give it leave to, or write the mask elsewhere."
            ) from error

    def _part(self, window: Window) -> Part:
        room = self._room()
        numbers = room(window)
        await_all(self.reader.submit(window, numbers))
        part = self.engine.start(window, numbers, self.pool)()
        # Not after an error: a reader that is still at work would write into another window.
        self.rooms.append(room)
        return part

    def _room(self) -> Room:
        try:
            return self.rooms.pop()
        except IndexError:
            height, width = self.errand.job.tiling.size
            return self.reader.room(height * width)


@contextmanager
def open_bench(errand: Errand) -> Iterator[Bench]:
    """Make ready for windows; files and threads are closed when the block ends.

    Raises:
        StackError: this machine does not see the images.
        OutputError: it does not see the folder of parts.
    """
    job, clock = errand.job, Clock()
    errand.check()
    errand.check_images()
    with (
        one_thread_each(),
        ThreadPoolExecutor(errand.threads, "compute") as pool,
        window_reader(
            job.scorer.stack,
            job.scorer.bands,
            threads=errand.threads,
            open_files=job.plan.open_files,
            clock=clock,
        ) as reader,
    ):
        engine = job.engine(errand.judge, clock)
        yield Bench(errand=errand, engine=engine, reader=reader, pool=pool, rooms=deque())


class ErrandPlugin(WorkerPlugin):
    """Brings an errand to each worker once, also to those that come later."""

    def __init__(self, errand: Errand, name: str) -> None:
        """Take what to bring."""
        self.name = name
        self._errand = errand

    def setup(self, worker: Any) -> None:
        """Note that a worker is there; what can fail waits for the first window."""
        self._lock = Lock()
        self._open = ExitStack()
        self._bench: Bench | None = None

    def teardown(self, worker: Any) -> None:
        """Close files and threads."""
        with self._lock:
            self._bench = None
            self._open.close()

    def bench(self) -> Bench:
        """Return the bench of this worker, which all its threads share."""
        with self._lock:
            if self._bench is None:
                self._bench = self._open.enter_context(open_bench(self._errand))
            return self._bench


def compute_window(name: str, row: int, col: int, height: int, width: int) -> None:
    """Do a window of the errand of this name; a task of the cluster."""
    plugin: Any = get_worker().plugins[name]
    try:
        plugin.bench().compute(Window(col, row, width, height))
        return
    except Am4cmError as error:
        told = type(error)(*error.args)
    # Without its cause: GDAL's errors cannot travel, and would turn it into another one.
    raise told
