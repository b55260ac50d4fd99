"""Writing prepared pixel series, a few at a time, whatever their number."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from am4cm_cli.datasets.pixels import PreparedIndex, series_path, write_index


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """Pixels that have no series, by the reason; see `PreparedIndex`."""

    void: int = 0
    not_taken: int = 0
    unobserved: int = 0

    def __add__(self, other: "LeftOut") -> "LeftOut":
        return LeftOut(
            void=self.void + other.void,
            not_taken=self.not_taken + other.not_taken,
            unobserved=self.unobserved + other.unobserved,
        )


@dataclass(frozen=True, kw_only=True)
class Written:
    """How far a fold had got when its writing was interrupted."""

    series: int = 0
    observations: int = 0
    groups: frozenset[int] = frozenset()

    def __add__(self, other: "Written") -> "Written":
        return Written(
            series=self.series + other.series,
            observations=self.observations + other.observations,
            groups=self.groups | other.groups,
        )


class GrowingArray:
    """An .npy file that grows along its first axis."""

    def __init__(
        self,
        path: Path,
        dtype: type[np.integer[Any]],
        row: tuple[int, ...] = (),
        *,
        length: int = 0,
    ) -> None:
        """Begin a file, or go on after the first `length` rows of one and forget what follows."""
        self.dtype, self.row, self.length = np.dtype(dtype), row, length
        # No buffer: what is appended must outlive a kill of the process.
        self.file = path.open("r+b" if length else "w+b", buffering=0)
        self._write_header()
        self.file.truncate(stored_size(self.dtype, row, length))

    def append(self, rows: NDArray[Any]) -> None:
        """Add (N, ...) rows at the end."""
        self.put(self.reserve(len(rows)), rows)

    def reserve(self, count: int) -> int:
        """Make room for so many rows at the end, to `put` them later; tell the first's place."""
        self.length += count
        return self.length - count

    def put(self, place: int, rows: NDArray[Any]) -> None:
        """Write (N, ...) rows where they were reserved; several threads may do so at once."""
        assert rows.shape[1:] == self.row
        if not len(rows):
            return
        where = stored_size(self.dtype, self.row, place)
        rest = np.ascontiguousarray(rows, self.dtype).data.cast("B")
        while rest:  # a write without a buffer may be cut short
            written = os.pwrite(self.file.fileno(), rest, where)
            rest, where = rest[written:], where + written

    def close(self) -> None:
        """Put the final length into the header; the file can be mapped from now on."""
        self._write_header()
        self.file.close()

    def _write_header(self) -> None:
        self.file.seek(0)
        self.file.write(_header(self.dtype, self.row, self.length))


def _header(dtype: np.dtype[Any], row: tuple[int, ...], length: int) -> bytes:
    # NumPy pads headers so that the first axis can grow without moving the data.
    file = BytesIO()
    header = {"descr": dtype.str, "fortran_order": False, "shape": (length, *row)}
    npy.write_array_header_1_0(file, header)
    return file.getvalue()


def stored_size(dtype: np.dtype[Any], row: tuple[int, ...], length: int) -> int:
    """Bytes of an .npy file with so many rows."""
    return len(_header(dtype, row, length)) + length * dtype.itemsize * int(np.prod(row))


ARRAYS: Mapping[str, type[np.integer[Any]]] = {
    "reflectance": np.int16,
    "calendar": np.int32,
    "target": np.int16,
    "group": np.int64,
    "pixel": np.int32,
}
"""The arrays that grow, one row per series; the reflectance has one per observation."""


class PreparedWriter:
    """A prepared folder under construction; complete only after `finish`."""

    def __init__(
        self,
        folder: Path,
        *,
        bands: int,
        calendars: Mapping[int, Sequence[NDArray[np.integer]]],
        written: Mapping[int, Written] | None = None,
        left_out: LeftOut = LeftOut(),
    ) -> None:
        """Begin the folder, or go on where `written` says that an earlier run stopped.

        Args:
            folder: to fill.
            bands: of the reflectance.
            calendars: (T,) days since 1970-01-01 of each calendar, by fold.
            written: by fold; nothing yet if None.
            left_out: counted by the earlier run.
        """
        self.folder = folder
        self.folds = tuple(calendars)
        self.left_out = left_out
        self.arrays: dict[int, dict[str, GrowingArray]] = {}
        self.groups: dict[int, set[int]] = {}
        for fold in self.folds:
            series_path(folder, fold, "days").parent.mkdir(parents=True, exist_ok=True)
            self._save_calendars(fold, calendars[fold])
            so_far = written[fold] if written else Written()
            self.groups[fold] = set(so_far.groups)
            self.arrays[fold] = {
                name: GrowingArray(
                    series_path(folder, fold, name), ARRAYS[name], row, length=length
                )
                for name, row, length in _arrays(bands, so_far)
            }

    def add(
        self,
        *,
        fold: int,
        calendar: int,
        reflectance: NDArray[np.int16],
        target: NDArray[np.integer],
        group: NDArray[np.integer],
        pixel: NDArray[np.integer],
    ) -> None:
        """Append P series that share a calendar: (P, T, B) stored reflectance, (P,) the others."""
        self.reflectance(fold).append(reflectance.reshape(-1, reflectance.shape[-1]))
        self.add_names(fold=fold, calendar=calendar, target=target, group=group, pixel=pixel)

    def reflectance(self, fold: int) -> GrowingArray:
        """Return where the observations of a fold go, to put them there by other ways than `add`.

        Their order is that in which their series are told to `add_names`.
        """
        return self.arrays[fold]["reflectance"]

    def add_names(
        self,
        *,
        fold: int,
        calendar: int,
        target: NDArray[np.integer],
        group: NDArray[np.integer],
        pixel: NDArray[np.integer],
    ) -> None:
        """Append all but the reflectance of P series that share a calendar, (P,) each."""
        arrays = self.arrays[fold]
        arrays["calendar"].append(np.full(len(target), calendar))
        arrays["target"].append(target)
        arrays["group"].append(group)
        arrays["pixel"].append(pixel)
        self.groups[fold].update(np.unique(group).tolist())

    def finish(
        self,
        *,
        bands: tuple[str, ...],
        classes: tuple[str, ...],
        sources: tuple[str, ...],
        grouping: str,
    ) -> PreparedIndex:
        """Close the arrays and write the index that makes the folder complete."""
        self._close()
        index = PreparedIndex(
            bands=bands,
            classes=classes,
            folds=self.folds,
            series=tuple(self.arrays[fold]["target"].length for fold in self.folds),
            groups=tuple(len(self.groups[fold]) for fold in self.folds),
            void=self.left_out.void,
            not_taken=self.left_out.not_taken,
            unobserved=self.left_out.unobserved,
            sources=sources,
            grouping=grouping,
        )
        write_index(self.folder, index)
        return index

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    def _close(self) -> None:
        for arrays in self.arrays.values():
            for array in arrays.values():
                if not array.file.closed:
                    array.close()

    def _save_calendars(self, fold: int, calendars: Sequence[NDArray[np.integer]]) -> None:
        days = np.concatenate([np.empty(0, np.int32), *calendars]).astype(np.int32)
        starts = np.cumsum([0] + [len(calendar) for calendar in calendars]).astype(np.int64)
        np.save(series_path(self.folder, fold, "days"), days)
        np.save(series_path(self.folder, fold, "calendar_start"), starts)


def _arrays(bands: int, written: Written) -> list[tuple[str, tuple[int, ...], int]]:
    """Name each growing array with the shape of a row and the rows it has."""
    return [
        (name, (bands,), written.observations)
        if name == "reflectance"
        else (name, (), written.series)
        for name in ARRAYS
    ]


def holds(folder: Path, *, bands: int, written: Mapping[int, Written]) -> bool:
    """Whether the arrays of an interrupted run have at least what is said to be written."""
    sizes = {
        series_path(folder, fold, name): stored_size(np.dtype(ARRAYS[name]), row, length)
        for fold, so_far in written.items()
        for name, row, length in _arrays(bands, so_far)
        if length
    }
    return all(path.is_file() and path.stat().st_size >= size for path, size in sizes.items())
