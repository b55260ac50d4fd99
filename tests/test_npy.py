"""Arrays read back in several threads, and what is none."""

from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from am4cm_cli.npy import NO_ARRAY, map_array, read_array

KINDS = st.sampled_from([np.uint8, np.int16, np.float32, np.float64])


def stored(array):
    file = BytesIO()
    np.save(file, array)
    return file.getvalue()


@given(arrays.arrays(KINDS, arrays.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=5)))
def test_an_array_comes_back_and_may_be_changed(array):
    found = read_array(BytesIO(stored(np.ascontiguousarray(array))))
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, array)
    found[...] = 0


@given(st.binary(max_size=40), st.integers(0, 200), st.integers(0, 255))
def test_damaged_bytes_are_an_array_or_one_of_the_known_errors(tail, place, byte):
    whole = bytearray(stored(np.arange(12, dtype=np.int16).reshape(3, 4)))
    whole[place % len(whole)] = byte
    try:
        found = read_array(BytesIO(bytes(whole) + tail))
    except NO_ARRAY:
        return
    assert found.nbytes <= 24 + len(tail)


@pytest.mark.parametrize("array", [np.array([None, 1]), np.asfortranarray(np.ones((3, 4)))])
def test_what_we_never_write_is_refused(array):
    file = BytesIO()
    np.save(file, array)
    file.seek(0)
    with pytest.raises(ValueError, match="the numbers are not plain"):
        read_array(file)


def test_many_threads_read_at_once(tmp_path):
    array = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    np.save(tmp_path / "a.npy", array)
    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(lambda _: map_array(tmp_path / "a.npy").sum(), range(400)):
            assert found == array.sum()
        content = stored(array)
        for found in pool.map(lambda _: read_array(BytesIO(content)).sum(), range(400)):
            assert found == array.sum()
