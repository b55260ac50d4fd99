"""Scenes that turn out to be unreadable, masked as if all their pixels were nodata."""

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from rasterio.io import DatasetReader

from am4cm_cli.errors import ChangedError, StackError, UnreadableError
from am4cm_cli.rasters.handles import OpenFiles
from am4cm_cli.stacks.headers import THREADS, quiet
from am4cm_cli.stacks.stack import Stack
from am4cm_cli.states import file_state

UNREADABLE = "what cannot be read"
"""The fact of a run that names the files, see `runs`."""

Answer = TypeVar("Answer")


def skip_unreadable(
    stack: Stack,
    bands: Collection[str],
    attempt: Callable[[Stack], Answer],
    *,
    tell: Callable[[str], object],
) -> Answer:
    """Do what reads a stack; where it cannot be read, find all such scenes and begin anew.

    What comes of it is the same whatever is read first: a scene with any block that cannot be read
    is nodata everywhere.

    Args:
        stack: to read.
        bands: that are read of it.
        attempt: reads a stack, in which scenes may be marked as unreadable.
        tell: is given a sentence on what cannot be read.

    Raises:
        UnreadableError: what cannot be read is no scene's.
    """
    while True:
        try:
            return attempt(stack)
        except UnreadableError as error:
            found = error
        fewer = mark_unreadable(stack, [found.path])
        if fewer == stack:
            raise found
        tell(f"{found} {_dates(stack, fewer)} as nodata; looking for more, and beginning anew.")
        stack = fewer
        for other in find_unreadable(stack, bands):
            fewer = mark_unreadable(stack, [other.path])
            if fewer != stack:  # else another file of the same scene was told of
                tell(f"{other} {_dates(stack, fewer)} as nodata.")
            stack = fewer


def advise(stack: Stack, error: UnreadableError) -> StackError:
    """Name the option to those who have not given it."""
    fewer = mark_unreadable(stack, [error.path])
    # Of a cube all scenes would be lost with its one file.
    if isinstance(error, ChangedError) or fewer == stack or all(s.unreadable for s in fewer.scenes):
        return error
    return StackError(f"{error} Or give --skip-bad, and its date is written as nodata.")


@contextmanager
def advising() -> Iterator[None]:
    """Name the option where a file cannot be opened in this block."""
    try:
        yield
    except UnreadableError as error:
        raise StackError(f"{error} Or give --skip-bad, and its scene is left out.") from error


def mark_unreadable(stack: Stack, paths: Collection[Path]) -> Stack:
    """Mark the scenes that any of these files belongs to."""
    bad = {path.absolute() for path in paths}
    scenes = [
        replace(scene, unreadable=scene.unreadable or any(p.absolute() in bad for p in scene.paths))
        for scene in stack.scenes
    ]
    return replace(stack, scenes=tuple(scenes))


def find_unreadable(stack: Stack, bands: Collection[str]) -> list[UnreadableError]:
    """Read all blocks of all files once, and return what went wrong."""
    indexes: dict[Path, set[int]] = {}
    for scene in stack.scenes:
        for file in [] if scene.unreadable else scene.files(bands):
            indexes.setdefault(file.path, set()).add(file.index)
    with quiet(stack.grid), ThreadPoolExecutor(THREADS, "look") as pool:
        futures = [pool.submit(_look_through, path, own) for path, own in indexes.items()]
        try:
            return [bad for future in futures if (bad := future.result())]
        finally:
            pool.shutdown(cancel_futures=True)


def _look_through(path: Path, indexes: Collection[int]) -> UnreadableError | None:
    first, *_ = wanted = sorted(indexes)
    try:
        with OpenFiles().borrow(path) as raster:
            image: DatasetReader = raster  # what GDAL reads: cubes are not skipped
            for _, window in image.block_windows(first):
                image.read(wanted, window=window)
    except UnreadableError as error:
        return error
    return None


def recall_unreadable(stack: Stack, facts: Mapping[str, str]) -> Stack:
    """Mark what an earlier run could not read, as long as it has not changed since.

    Args:
        stack: to be read.
        facts: of the earlier run.
    """
    try:
        named = [str(path) for path in json.loads(facts.get(UNREADABLE, "[]"))]
    except (ValueError, TypeError, RecursionError):
        return stack
    same = {Path(path) for path in named if facts.get(path) == file_state(Path(path))}
    whole = [path for scene in stack.scenes if scene.paths <= same for path in scene.paths]
    return mark_unreadable(stack, whole)


def unreadable_facts(stack: Stack) -> dict[str, str]:
    """What a later run needs to go on without looking for it again."""
    paths = sorted(str(path) for scene in stack.scenes if scene.unreadable for path in scene.paths)
    return {UNREADABLE: json.dumps(paths)} if paths else {}


def unreadable_notes(stack: Stack) -> Iterator[str]:
    """Name the scenes, one sentence for each."""
    for scene in stack.scenes:
        if scene.unreadable:
            yield (
                f"{scene.name}: written as nodata, since {min(scene.paths)} or another of its "
                "files cannot be read."
                if len(scene.paths) > 1
                else f"{scene.name}: written as nodata, since {min(scene.paths)} cannot be read."
            )


def _dates(before: Stack, after: Stack) -> str:
    new = [
        scene.name
        for scene, old in zip(after.scenes, before.scenes, strict=True)
        if scene.unreadable and not old.unreadable
    ]
    return f"{', '.join(new)} {'is' if len(new) == 1 else 'are'} written"
