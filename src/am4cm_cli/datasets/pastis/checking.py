"""Every file of a PASTIS folder checked before any of it is used, and all faults told at once."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from am4cm_cli.datasets.pastis.layout import (
    ANNOTATIONS,
    IMAGES,
    METADATA,
    SIDE,
    STATISTICS,
    VOID,
    images_name,
    target_name,
)
from am4cm_cli.datasets.pastis.metadata import Patch, read_metadata, statistics_faults
from am4cm_cli.errors import DataError
from am4cm_cli.npy import NO_ARRAY, map_array
from am4cm_cli.progress import Track
from am4cm_cli.sensors import LAND_BANDS

STORED = f"{IMAGES}/S2_*.npy", f"{ANNOTATIONS}/TARGET_*.npy"
MOST_TOLD = 50
"""Faults in a message; the rest are counted."""


@dataclass(frozen=True, kw_only=True)
class Pastis:
    """A folder in which everything is as it should be."""

    folder: Path
    patches: tuple[Patch, ...]
    """In the order of their numbers."""
    notes: tuple[str, ...]
    """What is odd, but no hindrance."""


@dataclass(frozen=True, kw_only=True)
class Header:
    """What an .npy file says before its numbers."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    fortran_order: bool
    size: int
    """Bytes that the whole file should have."""


def check_pastis(folder: Path, *, track: Track = iter) -> Pastis:
    """Check the metadata, the header and length of every array, and the classes of every target.

    Raises:
        DataError: names all faults, one a line.
    """
    metadata = read_metadata(folder)
    faults = [*metadata.faults, *statistics_faults(folder)]
    # Metadata that name no patch are a fault; the arrays can be looked at all the same.
    for patch in track(metadata.patches or _stored_patches(folder)):
        faults += _image_faults(folder, patch)
        faults += _target_faults(folder, patch)
    if faults:
        raise DataError(_told(folder, faults))
    notes = tuple(_notes(folder, metadata.patches))
    return Pastis(folder=folder, patches=metadata.patches, notes=notes)


def _stored_patches(folder: Path) -> list[Patch]:
    """List the patches that have files, with neither fold nor dates."""
    names = [path.stem for pattern in STORED for path in folder.glob(pattern)]
    numbers = {name.rpartition("_")[2] for name in names}
    known = sorted(int(number) for number in numbers if number.isascii() and number.isdigit())
    return [Patch(number=number, fold=0, days=()) for number in known]


def _told(folder: Path, faults: list[str]) -> str:
    lines = [f"{folder}: found {len(faults)} fault{'s' * (len(faults) > 1)}; nothing was prepared."]
    lines += [f"  {fault}." for fault in faults[:MOST_TOLD]]
    if len(faults) > MOST_TOLD:
        lines.append(f"  And {len(faults) - MOST_TOLD} more.")
    return "\n".join([*lines, "Mend these files, or remove them and fetch them again."])


def _image_faults(folder: Path, patch: Patch) -> Iterator[str]:
    dates = len(patch.days)
    # Where the metadata tell no dates, that is a fault of its own, and any T will do.
    shape = (dates or None, len(LAND_BANDS), SIDE, SIDE)
    yield from array_faults(folder, images_name(patch.number), dtype=np.dtype("<i2"), shape=shape)


def _target_faults(folder: Path, patch: Patch) -> Iterator[str]:
    name = target_name(patch.number)
    faults = list(array_faults(folder, name, dtype=np.dtype(np.uint8), shape=(3, SIDE, SIDE)))
    yield from faults
    if not faults and (most := int(read_target(folder, patch.number).max())) > VOID:
        yield f"{name}: found class {most}, expected 0 to {VOID}"


def read_target(folder: Path, patch: int) -> NDArray[np.uint8]:
    """Read the (Y, X) class numbers of a patch, VOID included.

    Raises:
        DataError: it cannot be read, though `check_pastis` could.
    """
    codes: NDArray[np.uint8] = open_array(folder, target_name(patch))[0]
    return codes


def open_array(folder: Path, name: str) -> NDArray[Any]:
    """Map an .npy file into memory, read-only.

    Raises:
        DataError: it cannot be read, though `check_pastis` could.
    """
    try:
        return np.asarray(map_array(folder / name))
    except (OSError, *NO_ARRAY) as error:
        raise DataError(
            f"{folder / name}: cannot be read any more ({error}). Don't change the folder "
            "while it is being prepared; run the command again."
        ) from error


def array_faults(
    folder: Path, name: str, *, dtype: np.dtype[Any], shape: tuple[int | None, ...]
) -> Iterator[str]:
    """Yield what is wrong with an .npy file, judged by its header and its length.

    Args:
        folder: of the data set.
        name: of the file within.
        dtype: that is expected.
        shape: that is expected; None for any length but 0.
    """
    path = folder / name
    try:
        header = read_header(path)
        size = path.stat().st_size
    except OSError as error:
        yield f"{name}: cannot be read ({error.strerror}), expected an .npy file"
        return
    except NO_ARRAY:
        yield f"{name}: found no .npy header, expected {_words(dtype, shape)}"
        return
    if header.dtype != dtype or header.fortran_order or not _fits(header.shape, shape):
        order = " in Fortran order" * header.fortran_order
        found = f"{_words(header.dtype, header.shape)}{order}"
        yield f"{name}: found {found}, expected {_words(dtype, shape)}{_why(header.shape, shape)}"
    elif size != header.size:
        yield f"{name}: found {size} bytes, expected {header.size} by its header"


def read_header(path: Path) -> Header:
    """Read an .npy file's header; nothing in it is executed.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is of a version that no NumPy writes for numbers.
        Exception: one of NO_ARRAY, where it is no .npy file.
    """
    with path.open("rb") as file:
        version = npy.read_magic(file)
        if version not in {(1, 0), (2, 0)}:
            raise ValueError(f"version {version}")
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, fortran_order, dtype = read(file)
        size = file.tell() + int(np.prod(shape, dtype=object)) * dtype.itemsize
    return Header(dtype=dtype, shape=shape, fortran_order=fortran_order, size=size)


def _fits(found: tuple[int, ...], expected: tuple[int | None, ...]) -> bool:
    return len(found) == len(expected) and all(
        have == want if want is not None else have > 0
        for have, want in zip(found, expected, strict=True)
    )


def _why(found: tuple[int, ...], expected: tuple[int | None, ...]) -> str:
    """Tell where the number of dates comes from, if that is all that is wrong."""
    dates_differ = len(found) == len(expected) == 4 and found[1:] == expected[1:]
    return f", the dates in {METADATA}" * (dates_differ and found[0] != expected[0])


def _words(dtype: np.dtype[Any], shape: tuple[int | None, ...]) -> str:
    sides = ", ".join("T" if side is None else str(side) for side in shape)
    return f"{dtype} ({sides})" if dtype.isnative else f"{dtype.str} ({sides})"


def _notes(folder: Path, patches: tuple[Patch, ...]) -> Iterator[str]:
    if not (folder / STATISTICS).exists():
        yield f"{folder}: holds no {STATISTICS}; am4cm does not need it."
    listed = {name(patch.number) for patch in patches for name in (images_name, target_name)}
    stored = [
        path.relative_to(folder).as_posix()
        for pattern in STORED
        for path in sorted(folder.glob(pattern))
    ]
    extra = [name for name in stored if name not in listed]
    if extra:
        more = f" and {len(extra) - 3} more" * (len(extra) > 3)
        yield f"{folder}: {METADATA} does not list {', '.join(extra[:3])}{more}; passed over."
    unsorted = [patch.number for patch in patches if list(patch.days) != sorted(patch.days)]
    if unsorted:
        others = f", nor those of {len(unsorted) - 1} more" * (len(unsorted) > 1)
        yield (
            f"{folder}: the dates of patch {unsorted[0]} are not in order{others}; kept as they "
            "are."
        )
