"""Parts of a mapped file asked of the system before they are read."""

import mmap

import numpy as np
from numpy.typing import NDArray


def ask_for_rows(
    array: NDArray[np.generic], first: NDArray[np.integer], count: NDArray[np.integer]
) -> None:
    """Have the system read runs of rows, all at once, while the caller does something else.

    Args:
        array: mapped whole from a file, in C order; of any other, nothing is asked.
        first: (N,) row at which each run begins.
        count: (N,) rows of each run.
    """
    file = array.base
    if not (isinstance(array, np.memmap) and isinstance(file, mmap.mmap)):
        return
    if not hasattr(mmap, "MADV_WILLNEED"):  # Windows
        return
    begin = array.offset % mmap.ALLOCATIONGRANULARITY + first * array.strides[0]
    page = begin // mmap.PAGESIZE * mmap.PAGESIZE
    length = begin - page + count * array.strides[0]
    for where, size in zip(page.tolist(), length.tolist(), strict=True):
        file.madvise(mmap.MADV_WILLNEED, where, size)
