"""NumPy's files, read in several threads at once."""

from math import prod
from pathlib import Path
from threading import Lock
from tokenize import TokenError
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

NO_ARRAY = (ValueError, EOFError, TypeError, SyntaxError, TokenError)
"""What NumPy raises where a file holds no array: it reads headers as Python reads its literals."""
_PARSING = Lock()
"""Headers are literals of Python, whose parser in 3.11 rarely fails in two threads at once:
"AST constructor recursion depth mismatch"."""


def map_array(path: Path) -> NDArray[Any]:
    """Map a file into memory, read-only; NumPy's errors pass."""
    with _PARSING:
        mapped: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    return mapped


def read_array(file: IO[bytes]) -> NDArray[Any]:
    """Read an array that `numpy.lib.format` wrote, such as a member of an archive.

    Raises:
        ValueError: it is none, or not whole; and the others of NO_ARRAY.
    """
    with _PARSING:
        if npy.read_magic(file) != (1, 0):
            raise ValueError("the header is not of version 1.0")
        shape, fortran_order, dtype = npy.read_array_header_1_0(file)
    if dtype.hasobject or fortran_order:
        raise ValueError("the numbers are not plain, row by row")
    # A bytearray, since what is read is worked on in place.
    found = np.frombuffer(bytearray(file.read()), dtype)
    if found.size != prod(shape):
        raise ValueError(f"found {found.size} numbers, expected {prod(shape)}")
    return found.reshape(shape)
