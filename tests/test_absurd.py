"""Rasters that nobody could have meant are refused in one line, before memory is taken for them."""

import resource
import subprocess
import sys

import pytest
import rasterio

from am4cm_cli.datasets.labels import read_labels
from am4cm_cli.errors import DataError, StackError
from am4cm_cli.stacks.discovery import find_stack
from am4cm_cli.stacks.headers import read_header
from am4cm_cli.stacks.options import StackOptions
from stacks import CORNER, CRS, DAYS, write_stack

MOST = 2**31 - 1
VIRTUAL = """<VRTDataset rasterXSize="{size}" rasterYSize="{size}">{bands}</VRTDataset>"""
BAND = (
    """<VRTRasterBand dataType="UInt16" band="1"><Description>B02</Description></VRTRasterBand>"""
)


def virtual(path, *, size, bands=BAND):
    path.write_text(VIRTUAL.format(size=size, bands=bands))
    return path


def sparse(path, *, height=64, width=64, count=1, **layout):
    """A GeoTIFF that holds no block."""
    shape = {"height": height, "width": width, "count": count, "dtype": "uint16"}
    place = {"crs": CRS, "transform": CORNER, "SPARSE_OK": True, "BIGTIFF": "YES"}
    with rasterio.open(path, "w", driver="GTiff", **shape, **place, **layout):
        pass
    return path


TILED = {"tiled": True, "blockxsize": 512, "blockysize": 512}
STRIP = {"tiled": False, "blockysize": 30_000, "compress": "deflate"}
ABSURD = {
    "pixels of a virtual raster": (virtual, {"size": MOST}, f"found {MOST} x {MOST} pixels"),
    "pixels of a sparse file": (
        sparse,
        {"height": 200_000, "width": 400_000, **TILED},
        "found 400000 x 200000 pixels",
    ),
    "bands": (sparse, {"count": 3000}, "found 3000 bands, expected 1 to 1024"),
    "no band": (virtual, {"size": 9, "bands": ""}, "cannot be opened as a raster"),
    "no pixel": (virtual, {"size": 0}, "cannot be opened as a raster"),
    "a block": (
        sparse,
        {"height": 30_000, "width": 20_000, **STRIP},
        r"found blocks of 1.2e\+09 bytes",
    ),
    "a block of all bands": (
        sparse,
        {"height": 10_000, "width": 9_000, "count": 8, "blockysize": 10_000, "tiled": False}
        | {"compress": "deflate"}
        | {"interleave": "pixel"},
        r"found blocks of 1.4e\+09 bytes",
    ),
}


@pytest.mark.parametrize("kind", ABSURD)
def test_absurd_images_are_refused(tmp_path, kind):
    write, how, words = ABSURD[kind]
    write_stack(tmp_path / "in")
    path = write(tmp_path / "in" / "S2_20180501.tif", **how)
    with pytest.raises(StackError, match=words) as error:
        find_stack(tmp_path / "in")
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)
    stack = find_stack(tmp_path / "in", StackOptions(skip_bad=True))
    assert [scene.name for scene in stack.scenes] == list(DAYS)


@pytest.mark.parametrize(
    "layout",
    [
        {"height": 10_980, "width": 10_980, "count": 13, **TILED},
        {"height": 10_980, "width": 10_980, "blockysize": 10_980, "tiled": False},
        {"height": 250_000, "width": 250_000, **TILED},
    ],
)
def test_what_people_have_is_not_absurd(tmp_path, layout):
    header = read_header(sparse(tmp_path / "a.tif", **layout))
    assert header.grid.shape == (layout["height"], layout["width"])


def test_absurd_labels_are_refused_before_they_are_read(tmp_path):
    write_stack(tmp_path / "in")
    grid = find_stack(tmp_path / "in").grid
    with pytest.raises(DataError, match="lies on another grid"):
        read_labels(virtual(tmp_path / "labels.tif", size=MOST), grid)


def little_memory():
    resource.setrlimit(resource.RLIMIT_AS, (4 * 10**9, 4 * 10**9))


def test_little_memory_suffices_to_refuse(tmp_path):
    for day in DAYS:
        virtual(tmp_path / f"S2_{day}.tif", size=MOST)
    command = (sys.executable, "-m", "am4cm_cli", "mask", tmp_path, tmp_path / "out.tif")
    done = subprocess.run(
        [str(word) for word in command],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=little_memory,
    )
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith(f"error: {tmp_path}")
    assert not list(tmp_path.glob("out*"))
