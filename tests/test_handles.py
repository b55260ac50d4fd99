"""Rasters that stay open."""

from concurrent.futures import ThreadPoolExecutor
from time import sleep

import pytest
from rasterio.windows import Window

from am4cm_cli.errors import StackError
from am4cm_cli.rasters.handles import OpenFiles
from stacks import random_dn, write_image


@pytest.fixture
def paths(tmp_path):
    return [write_image(tmp_path / f"{n}.tif", random_dn((1, 3, 4), seed=n)) for n in range(5)]


def test_a_file_is_opened_once_and_closed_at_the_end(paths):
    files = OpenFiles(most=5)
    with files.borrow(paths[0]) as first:
        pass
    with files.borrow(paths[0]) as again:
        assert again is first
        assert not again.closed
    files.close()
    assert first.closed


def test_the_longest_unused_is_closed_beyond_the_limit(paths):
    files = OpenFiles(most=2)
    used = []
    for path in paths:
        with files.borrow(path) as raster:
            used.append(raster)
    assert [raster.closed for raster in used] == [True, True, True, False, False]
    files.close()


def test_nothing_stays_open_by_default(paths):
    with OpenFiles().borrow(paths[0]) as raster:
        assert not raster.closed
    assert raster.closed


def test_no_two_threads_have_the_same_raster_at_once(paths):
    files, seen = OpenFiles(most=8), []

    def use(_):
        with files.borrow(paths[0]) as raster:
            seen.append(("in", id(raster)))
            sleep(0.002)
            dn = raster.read(1, window=Window(0, 0, 4, 3))
            seen.append(("out", id(raster)))
            return dn

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(use, range(40)))
    inside = set()
    for what, raster in seen:
        if what == "in":
            assert raster not in inside
            inside.add(raster)
        else:
            inside.remove(raster)
    assert all((dn == answers[0]).all() for dn in answers)
    files.close()


def test_a_file_that_has_gone_is_named_and_a_broken_use_closes(paths):
    files = OpenFiles(most=5)
    gone = files.borrow(paths[0].with_name("none.tif"))
    with pytest.raises(StackError, match=r"none\.tif: its pixels cannot be read"), gone:
        pass
    with pytest.raises(ZeroDivisionError), files.borrow(paths[0]) as raster:
        raise ZeroDivisionError
    assert raster.closed
    files.close()
