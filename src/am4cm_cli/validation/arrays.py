"""References in npz files."""

import zlib
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from am4cm_cli.errors import DataError
from am4cm_cli.npy import NO_ARRAY
from am4cm_cli.stacks.dates import Moment, find_moment

ARRAYS = ("labels", "mask", "probability")
DATES = ("dates", "date")
NO_ARCHIVE = (BadZipFile, NotImplementedError, zlib.error, *NO_ARRAY)
"""What is raised where a file holds no arrays."""


def read_arrays(path: Path) -> tuple[str, NDArray[Any], list[Moment]]:
    """Read the first of ARRAYS that a file has, and its dates.

    Returns:
        Its name; (T, Y, X) numbers; T moments.

    Raises:
        DataError: the file is no npz, or lacks one of ARRAYS or the dates.
    """
    try:
        # Opened here, since NumPy leaves a file open that it cannot read.
        with path.open("rb") as stream, np.load(stream) as file:
            names = list(file.files)
            name = next((name for name in ARRAYS if name in names), None)
            dates = next((name for name in DATES if name in names), None)
            if name is None or dates is None:
                raise DataError(
                    f"{path}: has {', '.join(names) or 'nothing'}; expected dates and one of "
                    f"{', '.join(ARRAYS)}."
                )
            return name, file[name], [_moment(path, text) for text in file[dates]]
    except (OSError, MemoryError, *NO_ARCHIVE) as error:
        raise DataError(f"{path}: cannot be read as npz ({error}). Make it again.") from error


def _moment(path: Path, text: object) -> Moment:
    moment = find_moment(str(text))
    if moment is None:
        raise DataError(f"{path}: {text!r} among its dates; expected ISO dates.")
    return moment
