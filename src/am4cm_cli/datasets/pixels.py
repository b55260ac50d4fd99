"""Prepared pixel series: labelled, of unequal length, in folds, ready to be memory-mapped.

A prepared folder holds `prepared.json` and, per fold k, `fold_k/` with one .npy per array of
`PixelSeries`. Series of one place share a calendar, so their days are stored once.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from am4cm_cli.errors import DataError
from am4cm_cli.npy import NO_ARRAY, map_array
from am4cm_cli.sensors import BAND_METRES

FORMAT = 2
INDEX = "prepared.json"
MEMBERS = (INDEX, "fold_*")
"""What a prepared folder holds."""
SCALE = 1e-4
"""Reflectance of one stored number."""
NODATA = -32768
"""Stored in every band of a date that was not observed."""


@dataclass(frozen=True, kw_only=True)
class PixelSeries:
    """The series of one fold, end to end: O observations of P pixels on C calendars."""

    reflectance: NDArray[np.int16]
    """(O, B) reflectance / SCALE; NODATA in all bands where not valid."""
    calendar: NDArray[np.int32]
    """(P,) which calendar a series follows; its length is that calendar's."""
    target: NDArray[np.int16]
    """(P,) index into the classes."""
    group: NDArray[np.int64]
    """(P,) field, block or patch: never split between folds."""
    pixel: NDArray[np.int32]
    """(P,) row * X + column in the source's own grid; with the group, it names a series."""
    days: NDArray[np.int32]
    """Days since 1970-01-01 of all calendars, end to end."""
    calendar_start: NDArray[np.int64]
    """(C + 1,) where each calendar begins in `days`."""

    @property
    def lengths(self) -> NDArray[np.int64]:
        """(P,) dates of each series."""
        return np.diff(self.calendar_start)[self.calendar]

    @property
    def start(self) -> NDArray[np.int64]:
        """(P,) where each series begins in `reflectance`."""
        return np.cumsum(self.lengths) - self.lengths


@dataclass(frozen=True, kw_only=True)
class PreparedIndex:
    """What a prepared folder says of itself."""

    bands: tuple[str, ...]
    classes: tuple[str, ...]
    folds: tuple[int, ...]
    series: tuple[int, ...]
    """Per fold."""
    groups: tuple[int, ...]
    """Per fold: fields, blocks or patches that have series."""
    void: int
    """Pixels left out because they have no class: unlabelled, or void."""
    not_taken: int
    """Pixels with a class that were left out by choice, to have fewer."""
    unobserved: int
    """Pixels that would have been taken, but no date shows them."""
    sources: tuple[str, ...]
    grouping: str
    """What is kept whole within a fold."""


def series_path(folder: Path, fold: int, name: str) -> Path:
    """Where one array of one fold is stored."""
    return folder / f"fold_{fold}" / f"{name}.npy"


def write_index(folder: Path, index: PreparedIndex) -> None:
    """Write `prepared.json`; its presence says that the arrays are complete."""
    text = json.dumps({"format": FORMAT, **asdict(index)}, indent=1)
    (folder / INDEX).write_text(text + "\n", encoding="utf-8")


def read_index(folder: Path) -> PreparedIndex:
    """Read what a prepared folder holds.

    Raises:
        DataError: the folder was not made by `am4cm prepare`, or by another version of it, or its
            index is damaged.
    """
    path = folder / INDEX
    try:
        header = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(
            f"{folder}: no readable {INDEX} ({error}). Make the folder with am4cm prepare."
        ) from error
    if not isinstance(header, Mapping) or header.get("format") != FORMAT:
        raise DataError(f"{path}: expected format {FORMAT}. Prepare the data again.")
    try:
        index = PreparedIndex(**{f.name: _frozen(header[f.name]) for f in fields(PreparedIndex)})
    except KeyError as error:
        raise DataError(f"{path}: {error} is missing. Prepare the data again.") from error
    for mistake in _mistakes_of_index(index):
        raise DataError(f"{path}: {mistake}. Prepare the data again.")
    return index


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _mistakes_of_index(index: PreparedIndex) -> Iterator[str]:
    """Yield what is wrong; what follows a mistake may be meaningless, or fail."""
    lists = {"bands": str, "classes": str, "sources": str, "folds": int, "series": int}
    for name, kind in (lists | {"groups": int}).items():
        found = getattr(index, name)
        if not isinstance(found, tuple) or {type(item) for item in found} != {kind}:
            words = "text" if kind is str else "whole numbers"
            yield f"{name} is {json.dumps(found)[:60]}, expected a list of {words}"
    numbers = ("void", "not_taken", "unobserved")
    for name, kind in (("grouping", str), *((name, int) for name in numbers)):
        if type(found := getattr(index, name)) is not kind:
            words = "text" if kind is str else "a whole number"
            yield f"{name} is {json.dumps(found)[:60]}, expected {words}"
    yield from _contradictions(index)


def _contradictions(index: PreparedIndex) -> Iterator[str]:
    if len(set(index.bands) & BAND_METRES.keys()) != len(index.bands):
        yield f"found bands {', '.join(index.bands)}, expected Sentinel-2's, each once"
    for name in ("series", "groups"):
        counts = getattr(index, name)
        if not len(set(index.folds)) == len(counts) == len(index.folds):
            yield f"found {len(counts)} counts of {name} for folds {index.folds}, expected each"
    counts = *index.series, *index.groups, index.void, index.not_taken, index.unobserved
    if min(counts) < 0:
        yield f"found {min(counts)} among the counts, expected no negative count"


def open_fold(folder: Path, fold: int) -> PixelSeries:
    """Map one fold into memory, read-only.

    Raises:
        DataError: an array is missing or damaged, or contradicts another or the index.
    """
    index = read_index(folder)
    if fold not in index.folds:
        raise DataError(f"{folder}: has no fold {fold}; choose one of {index.folds}.")
    arrays: dict[str, Any] = {}
    for field in fields(PixelSeries):
        path = series_path(folder, fold, field.name)
        try:
            arrays[field.name] = map_array(path)
        except (OSError, *NO_ARRAY) as error:
            raise DataError(f"{path}: {error}. Prepare the data again.") from error
    series = PixelSeries(**arrays)
    count = index.series[index.folds.index(fold)]
    for mistake in chain(_mistakes_of_arrays(series), _mistakes_of_series(series, index, count)):
        raise DataError(f"{folder / f'fold_{fold}'}: {mistake}. Prepare the data again.")
    return series


def _mistakes_of_arrays(series: PixelSeries) -> Iterator[str]:
    """Yield what is wrong; what follows a mistake may be meaningless, or fail."""
    for name, array in vars(series).items():
        if array.ndim != 1 + (name == "reflectance") or array.dtype.kind != "i":
            yield f"{name} is {array.ndim}-dimensional {array.dtype}, expected whole numbers"
    starts = series.calendar_start
    if len(starts) < 2 or starts[0] != 0 or starts[-1] != len(series.days):
        yield f"found calendars up to {starts[-1:]}, expected {len(series.days)} days"
    if (np.diff(starts) < 1).any():
        yield "found a calendar without a day, expected at least one in each"


def _mistakes_of_series(series: PixelSeries, index: PreparedIndex, count: int) -> Iterator[str]:
    found = {name: len(getattr(series, name)) for name in ("calendar", "target", "group", "pixel")}
    if set(found.values()) != {count}:
        yield f"found {found} series, expected {count} as in {INDEX}"
    if count and series.pixel.min() < 0:
        yield f"found pixel {series.pixel.min()}, expected 0 or more"
    calendars = len(series.calendar_start) - 1
    for name, end in (("calendar", calendars), ("target", len(index.classes))):
        values = getattr(series, name)
        if count and not 0 <= values.min() <= values.max() < end:
            yield f"found {name} {values.min()} to {values.max()}, expected 0 to {end - 1}"
    expected = int(series.lengths.sum()), len(index.bands)
    if series.reflectance.shape != expected:
        yield (
            f"found reflectance of {series.reflectance.shape}, expected {expected} from the "
            "calendars and bands"
        )


def assign_folds(groups: NDArray[np.int64], *, folds: int, seed: int) -> NDArray[np.int64]:
    """Share groups out over folds so that each fold gets about as many pixels.

    Args:
        groups: (P,) group of each pixel.
        folds: how many; folds are numbered from 1.
        seed: of the order in which groups of like size are dealt out.

    Returns:
        (P,) fold of each pixel; all pixels of a group are in one fold.
    """
    _, index, counts = np.unique(groups, return_inverse=True, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(counts))
    order = order[np.argsort(-counts[order], kind="stable")]
    load = np.zeros(folds, dtype=np.int64)
    fold_of = np.empty(len(counts), dtype=np.int64)
    for group in order:  # largest first into the emptiest fold
        fold_of[group] = load.argmin() + 1
        load[fold_of[group] - 1] += counts[group]
    return fold_of[index]


def join(parts: Iterable[PixelSeries]) -> PixelSeries:
    """Put several folds end to end, in memory."""
    parts = list(parts)
    dates = np.cumsum([0] + [len(part.days) for part in parts])
    calendars = np.cumsum([0] + [len(part.calendar_start) - 1 for part in parts])
    starts = [part.calendar_start[:-1] + first for part, first in zip(parts, dates, strict=False)]
    return PixelSeries(
        reflectance=np.concatenate([part.reflectance for part in parts]),
        calendar=np.concatenate(
            [part.calendar + first for part, first in zip(parts, calendars, strict=False)]
        ).astype(np.int32),
        target=np.concatenate([part.target for part in parts]),
        group=np.concatenate([part.group for part in parts]),
        pixel=np.concatenate([part.pixel for part in parts]),
        days=np.concatenate([part.days for part in parts]),
        calendar_start=np.concatenate([*starts, dates[-1:]]).astype(np.int64),
    )
