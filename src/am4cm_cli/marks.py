"""What a mask's tags tell of the scenes it was made from, so that changes are found later."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from am4cm_cli.declared import rebuild
from am4cm_cli.stacks.grids import describe
from am4cm_cli.stacks.stack import BandFile, Scene, Stack
from am4cm_cli.states import file_size

DIGITS = 16
"""Of a digest, in hex."""
LAID_OUT = {"path", "block", "held", "slab", "scale_from", "offset_from"}
"""Of a band's file, what does not decide its numbers."""


@dataclass(frozen=True, kw_only=True)
class Mark:
    """One scene of a mask, in the order of its bands."""

    time: str
    """ISO, of the acquisition."""
    digest: str
    """Of its time, its files' sizes and how their numbers become reflectance: the same on every
    machine and wherever the files lie. Contents that change and keep their size are not noticed.
    Of a scene that could not be read, of its time alone: it has changed once it can be."""
    fitted: bool
    """Whether the calibration was fitted to a stack that had it."""


@dataclass(frozen=True, kw_only=True)
class CalibratedOn:
    """What a calibration was fitted to."""

    dates: int
    """With an answer in the sample."""
    first: str
    last: str
    """ISO days of these."""


def mark_scenes(stack: Stack, bands: Sequence[str]) -> tuple[Mark, ...]:
    """Mark a stack's scenes by those of their bands that are read.

    Raises:
        UnreadableError: a file has gone.
    """
    files = [f for scene in stack.scenes if not scene.unreadable for f in scene.files(bands)]
    # Once each: a Zarr store is a folder of many files, and holds all scenes.
    sizes = {path: file_size(path) for path in {path for file in files for path in file.paths()}}
    return tuple(
        Mark(time=scene.time.isoformat(), digest=_digest(scene, bands, sizes), fitted=True)
        for scene in stack.scenes
    )


def mark_fitted(marks: Sequence[Mark], before: Sequence[Mark]) -> tuple[Mark, ...]:
    """Let only those scenes be fitted that an earlier mask's calibration was fitted to."""
    fitted = {mark.digest for mark in before if mark.fitted}
    return tuple(replace(mark, fitted=mark.digest in fitted) for mark in marks)


def match_marks(marks: Sequence[Mark], before: Sequence[Mark]) -> tuple[int | None, ...]:
    """Where in an earlier mask each scene stands; None where it has no such scene.

    Scenes that cannot be told apart have no match.
    """
    counts = Counter(mark.digest for mark in marks)
    places = Counter(mark.digest for mark in before)
    known = {mark.digest: place for place, mark in enumerate(before)}
    return tuple(
        known[mark.digest] if counts[mark.digest] == places[mark.digest] == 1 else None
        for mark in marks
    )


def mark_days(marks: Sequence[Mark]) -> NDArray[np.int64]:
    """(N,) days since 1970-01-01."""
    return np.array([mark.time[:10] for mark in marks], dtype="datetime64[D]").astype(np.int64)


def write_marks(marks: Sequence[Mark]) -> str:
    """Put marks into the words of a tag."""
    return json.dumps([asdict(mark) for mark in marks], separators=(",", ":"))


def read_marks(text: str) -> tuple[Mark, ...]:
    """Read a tag; ValueError if it holds anything else."""
    marks: tuple[Mark, ...] = rebuild(tuple[Mark, ...], json.loads(text), "scenes")
    mark_days(marks)
    return marks


def read_calibrated_on(text: str) -> CalibratedOn:
    """Read a tag; ValueError if it holds anything else."""
    found: CalibratedOn = rebuild(CalibratedOn, json.loads(text), "calibrated on")
    return found


def _digest(scene: Scene, bands: Sequence[str], sizes: Mapping[Path, int]) -> str:
    if scene.unreadable:
        return _shortened([scene.time.isoformat(), {}])
    first, *others = [{band: _told(tile[band], sizes) for band in bands} for tile in scene.tiles]
    more = {"tiles": others, "shrink": scene.shrink, "area": scene.area and scene.area.digest}
    usual = {"tiles": [], "shrink": 1, "area": None}
    # The usual is left out: what masks made before it could be otherwise say still holds.
    return _shortened([scene.time.isoformat(), first, *([more] * (more != usual))])


def _shortened(told: Sequence[Any]) -> str:
    text = json.dumps(told, sort_keys=True)
    return sha256(text.encode()).hexdigest()[:DIGITS]


def _told(file: BandFile, sizes: Mapping[Path, int]) -> dict[str, Any]:
    """What decides a band's numbers, but for its path and how it is laid out."""
    placed = {
        "masked": file.masked,
        "alpha": file.alpha,
        "origin": file.origin,
        "onto": file.onto and describe(file.onto),
    }
    told = {name: value for name, value in asdict(file).items() if name not in LAID_OUT | {*placed}}
    size = sum(sizes[path] for path in file.paths())
    return {**told, **({} if file.is_usual else placed), "nodata": str(file.nodata), "size": size}
