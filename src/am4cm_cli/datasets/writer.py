"""Writing prepared pixel series, a few at a time, whatever their number."""

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from am4cm_cli.datasets.pixels import PreparedIndex, series_path, write_index


class GrowingArray:
    """An .npy file that grows along its first axis."""

    def __init__(self, path: Path, dtype: type[np.integer[Any]], row: tuple[int, ...] = ()) -> None:
        self.dtype, self.row, self.length = np.dtype(dtype), row, 0
        self.file: IO[bytes] = path.open("wb")
        self._write_header()

    def append(self, rows: NDArray[Any]) -> None:
        """Add (N, ...) rows at the end."""
        assert rows.shape[1:] == self.row
        self.file.write(np.ascontiguousarray(rows, self.dtype).tobytes())
        self.length += len(rows)

    def close(self) -> None:
        """Put the final length into the header; the file can be mapped from now on."""
        self.file.seek(0)
        self._write_header()
        self.file.close()

    def _write_header(self) -> None:
        # NumPy pads headers so that the first axis can grow without moving the data.
        shape = (self.length, *self.row)
        header = {"descr": self.dtype.str, "fortran_order": False, "shape": shape}
        npy.write_array_header_1_0(self.file, header)


class PreparedWriter:
    """A prepared folder under construction; complete only after `finish`."""

    def __init__(
        self, folder: Path, *, bands: int, folds: int, calendars: Sequence[NDArray[np.int64]]
    ) -> None:
        self.folder = folder
        self.folds = tuple(range(1, folds + 1))
        self.unobserved = 0
        self.arrays: dict[int, dict[str, GrowingArray]] = {}
        for fold in self.folds:
            series_path(folder, fold, "days").parent.mkdir(parents=True)
            self._save(fold, "days", np.concatenate(calendars).astype(np.int32))
            self._save(fold, "calendar_start", np.cumsum([0] + [len(c) for c in calendars]))
            self.arrays[fold] = {
                "reflectance": GrowingArray(self._path(fold, "reflectance"), np.int16, (bands,)),
                "calendar": GrowingArray(self._path(fold, "calendar"), np.int32),
                "target": GrowingArray(self._path(fold, "target"), np.int16),
                "group": GrowingArray(self._path(fold, "group"), np.int64),
            }

    def add(
        self,
        *,
        fold: int,
        calendar: int,
        reflectance: NDArray[np.int16],
        target: NDArray[np.int64],
        group: NDArray[np.int64],
    ) -> None:
        """Append P series that share a calendar: (P, T, B) stored reflectance, (P,) the others."""
        arrays = self.arrays[fold]
        arrays["reflectance"].append(reflectance.reshape(-1, reflectance.shape[-1]))
        arrays["calendar"].append(np.full(len(target), calendar))
        arrays["target"].append(target)
        arrays["group"].append(group)

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
            unobserved=self.unobserved,
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

    def _path(self, fold: int, name: str) -> Path:
        return series_path(self.folder, fold, name)

    def _save(self, fold: int, name: str, array: NDArray[Any]) -> None:
        np.save(self._path(fold, name), array)
