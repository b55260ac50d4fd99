"""Windows of a mask as tasks of a dask cluster."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rasterio.windows import Window

from am4cm_cli.errors import Am4cmError, OutputError
from am4cm_cli.files import write_text
from am4cm_cli.progress import Track
from am4cm_cli.states import file_size

if TYPE_CHECKING:
    from am4cm_cli.jobs import MaskJob
    from am4cm_cli.judgement import Judge
    from am4cm_cli.parts import Parts
    from am4cm_cli.stacks.stack import Stack

SECONDS_TO_SHOW = 90.0
"""A network's file system may take a minute to show one machine what another wrote."""


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """A dask cluster that computes windows; see `schedulers.open_cluster`."""

    client: Any
    """distributed's."""
    named: str
    """What the user calls it."""
    threads: int
    """That compute a window; as many read."""

    def compute(
        self,
        job: MaskJob,
        judge: Judge,
        windows: Sequence[Window],
        parts: Parts,
        *,
        track: Track = iter,
    ) -> None:
        """Compute windows into files of their own, on any of the workers.

        Args:
            job: whose windows.
            judge: of the stack.
            windows: to compute.
            parts: where to write them; on storage that all machines see under the same path.
            track: follows the windows.

        Raises:
            StackError: an image cannot be read.
            OutputError: a window cannot be written.
            Am4cmError: the cluster has gone, or a window takes its workers down.
        """
        with _ticket(parts) as ticket, self._errand(job, judge, parts, ticket) as name:
            futures = self._submit(name, ticket, windows)
            try:
                self._await(futures, windows, track)
            finally:
                with suppress(OSError, CancelledError):
                    self.client.cancel(list(futures))
        _await_files(parts, windows)

    @contextmanager
    def _errand(self, job: MaskJob, judge: Judge, parts: Parts, ticket: str) -> Iterator[str]:
        """Send each worker once what all its windows need; yield the name it goes by there."""
        from am4cm_cli.workers import Errand, ErrandPlugin

        stack = _absolute(job.scorer.stack)
        scorer = replace(job.spare, stack=stack)
        errand = Errand(
            job=replace(job, scorer=scorer, spare=scorer, facts={}),
            judge=judge,
            parts=replace(parts, folder=parts.folder.absolute()),
            sizes=_sizes(stack),
            ticket=ticket,
            threads=self.threads,
        )
        name = f"am4cm {ticket}"
        self.client.register_plugin(ErrandPlugin(errand, name), name=name)
        try:
            yield name
        finally:
            # A worker that has just come may not know it, and the cluster may be no more.
            with suppress(KeyError, OSError, CancelledError):
                self.client.unregister_worker_plugin(name)

    def _submit(self, name: str, ticket: str, windows: Sequence[Window]) -> set[Any]:
        from am4cm_cli.workers import compute_window

        if not windows:
            return set()
        # The dashboard shows what stands before the first word with a digit: "mask window".
        keys = [f"mask window-{w.row_off:06d}-{w.col_off:06d}-{ticket}" for w in windows]
        sides = zip(*((w.row_off, w.col_off, w.height, w.width) for w in windows), strict=True)
        return set(self.client.map(compute_window, [name] * len(keys), *sides, key=keys))

    def _await(self, futures: set[Any], windows: Sequence[Window], track: Track) -> None:
        """Ask every task for its end; those that are done leave the set, and the cluster."""
        from distributed import as_completed
        from distributed.scheduler import KilledWorker

        done = as_completed(set(futures), loop=self.client.loop)
        try:
            for _, future in zip(track(windows), done, strict=True):
                future.result()
                futures.discard(future)
        except KilledWorker as error:
            raise Am4cmError(
                f"--dask {self.named}: {error.allowed_failures + 1} workers died during one window "
                f"({error.task}), probably for want of memory; those that are done are kept. Lower "
                "--max-memory, or give workers more, and give the same command again."
            ) from error
        except CancelledError as error:
            raise Am4cmError(
                f"--dask {self.named}: the scheduler has gone, or gave up a window; those that are "
                "done are kept. Give the same command again once it is there, or without --dask."
            ) from error


@contextmanager
def _ticket(parts: Parts) -> Iterator[str]:
    """Yield the name of a file in the folder of parts that tells workers it is the right one."""
    ticket = f"journal-{secrets.token_hex(4)}"
    path = parts.folder / ticket
    write_text(path, "Windows are being computed by a cluster.\n")
    try:
        yield ticket
    finally:
        path.unlink(missing_ok=True)


def _await_files(parts: Parts, windows: Sequence[Window]) -> None:
    """Wait until this machine, too, sees all windows."""
    last = time.monotonic() + SECONDS_TO_SHOW
    while missing := [window for window in windows if not parts.has(window)]:
        if time.monotonic() > last:
            raise OutputError(
                f"{parts.path(missing[0])}: a worker wrote it {SECONDS_TO_SHOW:g} s ago, and it is "
                "not to be seen here; expected storage that all machines share. Give the same "
                "command again."
            )
        list(parts.folder.iterdir())  # asks the file server anew
        time.sleep(0.5)


def _absolute(stack: Stack) -> Stack:
    """The same stack for a process in another folder."""
    scenes = []
    for scene in stack.scenes:
        first, *others = (
            {band: replace(file, path=file.path.absolute()) for band, file in tile.items()}
            for tile in scene.tiles
        )
        scenes.append(replace(scene, bands=first, fills=tuple(others)))
    return replace(stack, scenes=tuple(scenes))


def _sizes(stack: Stack) -> dict[Path, int]:
    """Bytes of each image; what is remote has none."""
    return {path: size for path in stack.paths if (size := file_size(path))}
