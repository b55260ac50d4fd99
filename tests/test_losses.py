"""A header of which GDAL lost something is refused, whatever it lost: it would read as absent."""

import logging
import struct
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st

from am4cm_cli.errors import StackError, UnreadableError
from am4cm_cli.gdal_warnings import gdal_warnings
from am4cm_cli.stacks.discovery import find_stack
from am4cm_cli.stacks.headers import not_georeferenced_is_fine, read_header
from am4cm_cli.stacks.options import StackOptions
from fuzzing import answer, cases, replaced
from stacks import random_dn, write_image

METADATA, NODATA, PIXEL_SIZE, TIE_POINTS, KEYS = 42112, 42113, 33550, 33922, 34735
PHOTOMETRIC = 262
NAMES = ("B02", "B03", "B04", "B08")
TYPES = range(14)


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    path = tmp_path_factory.mktemp("sound") / "S2_20180804.tif"
    dn = random_dn((4, 3, 2)).astype(np.int16)
    return write_image(path, dn, names=NAMES, scale=1e-4, offset=-0.1, nodata=-10000)


def entries(content):
    """Where each tag's entry begins, by its number: type, count and value follow it (TIFF 6.0)."""
    (first,) = struct.unpack_from("<I", content, 4)
    (count,) = struct.unpack_from("<H", content, first)
    places = [first + 2 + 12 * n for n in range(count)]
    return {struct.unpack_from("<H", content, place)[0]: place for place in places}


def patched(content, place, form, value):
    changed = bytearray(content)
    struct.pack_into(form, changed, place, value)
    return bytes(changed)


def numbers(header):
    return header.scales, header.offsets, header.nodata, header.descriptions


@pytest.mark.parametrize("tag", [METADATA, NODATA, PIXEL_SIZE, TIE_POINTS, KEYS])
def test_tags_that_gdal_leaves_out(sound, tag):
    content = sound.read_bytes()
    place = entries(content)[tag]
    beyond = patched(content, place + 8, "<I", 2**31)
    with (
        replaced(sound, beyond),
        not_georeferenced_is_fine(),
        pytest.raises(UnreadableError, match="header is damaged") as told,
    ):
        read_header(sound)
    assert "tag ignored" in str(told.value) or "being ignored" in str(told.value)


@cases(100)
@given(tag=st.sampled_from([METADATA, NODATA]), data=st.data())
def test_an_entry_of_another_type_or_length(sound, tried, tag, data):
    content = sound.read_bytes()
    expected = read_header(sound)
    place = entries(content)[tag]
    (count,) = struct.unpack_from("<I", content, place + 4)
    form, at, value = data.draw(
        st.one_of(
            st.tuples(st.just("<H"), st.just(2), st.sampled_from(TYPES)),
            st.tuples(st.just("<I"), st.just(4), st.integers(count, 2**32 - 1)),
        )
    )
    changed = patched(content, place + at, form, value)
    with replaced(sound, changed), not_georeferenced_is_fine():
        found = answer(read_header, sound)
    if found:
        assert numbers(found) == numbers(expected)
    tried()


def test_metadata_cut_by_a_null_byte(sound):
    content = sound.read_bytes()
    place = content.index(b'role="offset"')
    with replaced(sound, patched(content, place, "<B", 0)), pytest.raises(UnreadableError):
        read_header(sound)


def test_tags_out_of_order(sound):
    content = sound.read_bytes()
    place = entries(content)[METADATA]
    with replaced(sound, patched(content, place, "<H", 300)), pytest.raises(UnreadableError):
        read_header(sound)


def test_metadata_beside_the_file_that_is_no_xml(tmp_path):
    path = write_image(tmp_path / "S2_20180804.tif", random_dn((1, 3, 2)), names=["B02"])
    beside = path.with_name(f"{path.name}.aux.xml")
    beside.write_text("<PAMDataset><PAMRasterBand band=1><Offset>-0.1</Offset></PAMRaster")
    with pytest.raises(UnreadableError, match=r"aux\.xml: is no XML"):
        read_header(path)
    beside.write_text(
        '<PAMDataset><PAMRasterBand band="1"><Offset>-0.1</Offset></PAMRasterBand></PAMDataset>'
    )
    assert read_header(path).offsets == (-0.1,)


@pytest.mark.parametrize("encoding", ["foo", "utf-7"])
def test_metadata_beside_the_file_in_an_encoding_that_cannot_be_read(tmp_path, encoding):
    path = write_image(tmp_path / "S2_20180804.tif", random_dn((1, 3, 2)), names=["B02"])
    beside = path.with_name(f"{path.name}.aux.xml")
    beside.write_text(f'<?xml version="1.0" encoding="{encoding}"?><PAMDataset></PAMDataset>')
    with pytest.raises(UnreadableError, match=r"aux\.xml: is no XML \(.*encoding"):
        read_header(path)


def test_a_warning_that_loses_nothing(sound):
    expected = read_header(sound)
    content = sound.read_bytes()
    drawn = entries(content)[PHOTOMETRIC]
    with replaced(sound, patched(content, drawn + 4, "<I", 7)):
        with gdal_warnings() as warned, rasterio.open(sound):
            pass
        assert "PhotometricInterpretation" in warned[0]
        assert numbers(read_header(sound)) == numbers(expected)


@pytest.mark.parametrize(
    "name", ["GeoTIFF_20180804.tif", "XML/20180804.tif", "Line 1: 20180804.tif"]
)
def test_what_a_file_is_called_is_no_warning(sound, tmp_path, name):
    content = sound.read_bytes()
    place = entries(content)[PHOTOMETRIC]
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(patched(content, place + 4, "<I", 7))
    assert numbers(read_header(path)) == numbers(read_header(sound))
    lost = patched(content, entries(content)[NODATA] + 8, "<I", 2**31)
    path.write_bytes(lost)
    with pytest.raises(UnreadableError, match="GDALNoDataValue"):
        read_header(path)


def test_warnings_are_heard_whatever_a_program_logs(sound):
    content = sound.read_bytes()
    beyond = patched(content, entries(content)[NODATA] + 8, "<I", 2**31)
    logger = logging.getLogger("rasterio")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with replaced(sound, beyond), pytest.raises(UnreadableError):
            read_header(sound)
    finally:
        logger.setLevel(before)


@pytest.fixture
def muted():
    """The logger of GDAL's warnings, as a program mutes it."""
    logger = logging.getLogger("rasterio._env")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    yield logger
    logger.setLevel(before)


def test_a_level_that_a_program_has_set_stays_its_own(sound, muted):
    read_header(sound)
    assert muted.level == logging.CRITICAL
    with pytest.raises(ZeroDivisionError), gdal_warnings():
        raise ZeroDivisionError
    assert muted.level == logging.CRITICAL


def test_the_last_thread_that_listens_sets_the_level_back(muted):
    first, second = gdal_warnings(), gdal_warnings()
    with ThreadPoolExecutor(1) as thread:
        first.__enter__()
        heard = thread.submit(second.__enter__).result()
        first.__exit__(None, None, None)
        thread.submit(muted.warning, "lost").result()
        assert heard == ["lost"]
        thread.submit(second.__exit__, None, None, None).result()
    assert muted.level == logging.CRITICAL


def test_scale_and_offset_of_some_bands(tmp_path):
    path = write_image(tmp_path / "S2_20180804.tif", random_dn((4, 3, 2)), names=NAMES)
    with rasterio.open(path, "r+") as raster:
        raster.offsets = (-0.1, -0.1, 0, -0.1)
    with pytest.raises(StackError, match=r"has no scale and offset for B04, but for B02"):
        find_stack(path)
    (scene,) = find_stack(path, StackOptions(scale=1e-4, offset=-0.1)).scenes
    assert {file.offset for file in scene.bands.values()} == {-0.1}
