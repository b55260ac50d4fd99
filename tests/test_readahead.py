"""Runs of rows are asked for within their file; the system refuses places that are no pages."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from am4cm_cli.datasets.readahead import ask_for_rows

ROWS = 3000


@pytest.fixture(scope="module", params=[np.int16, np.float64])
def array(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("rows") / "rows.npy"
    np.save(path, np.arange(ROWS * 10, dtype=request.param).reshape(ROWS, 10))
    return np.load(path, mmap_mode="r")


@given(ends=st.lists(st.tuples(st.integers(0, ROWS), st.integers(0, ROWS)), max_size=9))
def test_any_rows_of_a_file(array, ends):
    first = np.array([min(pair) for pair in ends], np.int64)
    last = np.array([max(pair) for pair in ends], np.int64)
    ask_for_rows(array, first, last - first)


def test_rows_outside_the_file_are_refused(array):
    with pytest.raises((OSError, ValueError)):
        ask_for_rows(array, np.array([ROWS * 9]), np.array([1]))


def test_nothing_is_asked_for_arrays_in_memory(array):
    ask_for_rows(np.array(array), np.array([ROWS * 9]), np.array([1]))
