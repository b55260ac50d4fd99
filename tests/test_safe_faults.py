"""Products that are damaged, hostile, cut short or twice there; and what metadata tell."""

import struct
from datetime import datetime
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from am4cm_cli.errors import StackError
from am4cm_cli.sensors import BAND_METRES
from am4cm_cli.stacks.archives import LARGE
from am4cm_cli.stacks.discovery import find_stack
from am4cm_cli.stacks.locations import zip_and_member
from am4cm_cli.stacks.metadata import MOST_XML, read_product
from am4cm_cli.stacks.options import StackOptions
from am4cm_cli.stacks.safe import Home, find_homes
from safe import Made, metadata, write_jp2, write_metadata, write_safe, zip_safe

NEW = Made(level="L2A", baseline="05.11", day="2023-04-05")
TOP = Made(level="L1C", baseline="04.00", day="2022-03-01")
OLD = Made(level="L2A", baseline="02.07", day="2018-08-04", cloud="0")


def few_bands(seed=0):
    rng = np.random.default_rng(seed)
    return {
        band: rng.integers(1, 9000, (60 // BAND_METRES[band] * 2, 60 // BAND_METRES[band])).astype(
            np.uint16
        )
        for band in ("B02", "B8A", "B09")
    }


def home(folder, made):
    return Home(folder=folder, metadata=f"MTD_MSI{made.level}.xml")


def told(tmp_path, made, *, old=False, change=lambda text: text):
    path = write_metadata(tmp_path / f"{made.name}.SAFE", made, old=old)
    path.write_text(change(path.read_text()))
    return read_product(home(path.parent, made))


# What metadata tell.


def test_facts_of_a_new_product(tmp_path):
    product = told(tmp_path, NEW)
    assert (product.source, product.level, product.baseline) == ("MTD_MSIL2A.xml", "L2A", "05.11")
    assert (product.tile, product.orbit, product.cloud_share) == ("T31UFQ", 51, 0.125)
    assert product.moment.time == datetime(2023, 4, 5, 10, 50, 31)
    assert product.scales == dict.fromkeys(BAND_METRES, 1e-4)
    assert product.offsets == pytest.approx(dict.fromkeys(BAND_METRES, -0.1))
    assert product.nodata == 0


def test_facts_of_products_from_before_there_were_offsets(tmp_path):
    assert told(tmp_path, OLD, old=True).offsets == dict.fromkeys(BAND_METRES, 0)
    assert told(tmp_path, OLD, old=True).scales["B11"] == 1e-4
    assert told(tmp_path, OLD).cloud_share == 0


def test_offsets_are_those_of_each_band(tmp_path):
    def change(text):
        text = text.replace('band_id="3">-1000', 'band_id="3">-500')
        return text.replace(">10000<", ">5000<")

    product = told(tmp_path, TOP, change=change)
    assert product.scales["B04"] == 2e-4
    assert product.offsets["B04"] == pytest.approx(-0.1)
    assert product.offsets["B05"] == pytest.approx(-0.2)


def test_a_baseline_that_lost_its_offsets_tells_none(tmp_path):
    def change(text):
        return text.replace("RADIO_ADD_OFFSET", "SOMETHING_ELSE")

    assert told(tmp_path, TOP, change=change).offsets == {}


@pytest.mark.parametrize(
    ("found", "instead", "message"),
    [
        ("<QUANTIFICATION_VALUE unit", "<OTHER unit", "no XML"),
        (">10000<", ">0<", "has 0 for QUANTIFICATION_VALUE"),
        (">10000<", ">many<", "has 'many' for QUANTIFICATION_VALUE"),
        ("QUANTIFICATION_VALUE", "OTHER", "has none for QUANTIFICATION_VALUE"),
        ("PROCESSING_BASELINE", "OTHER", "has none for PROCESSING_BASELINE"),
        (">04.00<", ">4<", "has '4' for PROCESSING_BASELINE"),
        ("2022-03-01T", "2022-13-01T", "has '2022-13-01T10:50:31.024Z' for PRODUCT_START_TIME"),
        ('band_id="12"', 'band_id="13"', "has an offset of band '13'"),
        ('band_id="12">-1000', 'band_id="12">-100000', "offset of '-100000' for B12"),
        (">12.5<", ">120<", "has 120 for Cloud_Coverage_Assessment"),
        ("Level-1C_User_Product", "Level-3_Product", "begins with 'Level-3_Product'"),
    ],
)
def test_metadata_that_cannot_be_right(tmp_path, found, instead, message):
    with pytest.raises(StackError, match=message) as error:
        told(tmp_path, TOP, change=lambda text: text.replace(found, instead))
    assert f"{TOP.name}.SAFE/MTD_MSIL1C.xml: " in str(error.value)
    assert str(error.value).endswith("Fetch the product again.")


BOMB = """<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>"""
OUTSIDE = """<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>"""


@pytest.mark.parametrize("prolog", [BOMB, OUTSIDE, "<!DOCTYPE x>"])
def test_entities_and_document_types_are_refused(tmp_path, prolog):
    with pytest.raises(StackError, match="defines entities or a document type"):
        told(tmp_path, TOP, change=lambda text: prolog + text.partition("?>")[2])


def test_metadata_that_are_too_large_too_deep_or_empty(tmp_path):
    with pytest.raises(StackError, match=f"larger than {MOST_XML} bytes"):
        told(tmp_path, TOP, change=lambda text: text + " " * MOST_XML)
    with pytest.raises(StackError, match="begins with 'a'"):
        told(tmp_path, TOP, change=lambda text: "<a>" * 10**5 + "</a>" * 10**5)
    with pytest.raises(StackError, match="is no XML"):
        told(tmp_path, TOP, change=lambda text: "")


@given(st.data())
def test_changed_bytes_of_metadata_are_one_clear_error_or_none(tmp_path_factory, data):
    text = bytearray(metadata(NEW).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        text[data.draw(st.integers(0, len(text) - 1))] = data.draw(st.integers(0, 255))
    folder = tmp_path_factory.mktemp("changed")
    (folder / "MTD_MSIL2A.xml").write_bytes(text[: data.draw(st.integers(1, len(text)))])
    try:
        product = read_product(home(folder, NEW))
    except StackError:
        return
    assert all(-1 <= offset <= 1 for offset in product.offsets.values())


# Products among files.


def test_only_reflectance_in_its_finest_pixels(tmp_path):
    safe = write_safe(tmp_path, NEW, few_bands())
    stack = find_stack(safe)
    assert stack.bands == ("B02", "B8A", "B09")
    files = stack.scenes[0].bands
    assert [file.path.parent.name for file in files.values()] == ["R10m", "R20m", "R60m"]
    assert [file.factor for file in files.values()] == [1, 2, 6]
    assert {file.nodata for file in files.values()} == {0}
    assert {file.offset_from for file in files.values()} == {"MTD_MSIL2A.xml"}
    assert stack.notes == ()
    assert stack.scenes[0].time == datetime(2023, 4, 5, 10, 50, 31)


def test_products_alone_by_glob_by_list_and_dated_by_a_table(tmp_path):
    first = write_safe(tmp_path / "in", NEW, few_bands())
    second = zip_safe(write_safe(tmp_path / "x", OLD, few_bands(1)), tmp_path / "in")
    assert len(find_stack(tmp_path / "in").scenes) == 2
    assert len(find_stack(tmp_path / "in" / "*").scenes) == 2
    assert len(find_stack(f"{tmp_path}/in/*.zip").scenes) == 1
    assert len(find_stack(f"{first}/GRANULE/*/IMG_DATA/**/*.jp2").scenes) == 1
    assert find_stack(second).scenes[0].product.baseline == "02.07"
    (tmp_path / "list.txt").write_text(f"in/{first.name}\n{second}\n")
    assert len(find_stack(tmp_path / "list.txt").scenes) == 2
    (tmp_path / "list.csv").write_text(f"product,date\nin/{first.name},2020-05-06\n")
    assert find_stack(tmp_path / "list.csv").scenes[0].name == "2020-05-06"
    (tmp_path / "dates.csv").write_text(f"{second.name},2020-05-07\n")
    dated = find_stack(tmp_path / "in", StackOptions(dates=tmp_path / "dates.csv"))
    assert [scene.name for scene in dated.scenes] == ["2020-05-07", "2023-04-05"]


def test_a_product_that_is_unpacked_too_is_read_once(tmp_path):
    safe = write_safe(tmp_path, NEW, few_bands())
    zip_safe(safe, tmp_path)
    stack = find_stack(tmp_path)
    assert len(stack.scenes) == 1
    assert not zip_and_member(stack.scenes[0].bands["B02"].path)
    assert "is the same product as" in stack.notes[0]


def test_the_same_day_processed_twice_is_two_scenes(tmp_path):
    write_safe(tmp_path, NEW, few_bands())
    write_safe(tmp_path, Made(level="L2A", baseline="02.14", day=NEW.day), few_bands())
    first, second = find_stack(tmp_path).scenes
    assert first.time == second.time
    assert {first.product.baseline, second.product.baseline} == {"02.14", "05.11"}


def test_granules_of_one_old_product(tmp_path):
    name = "S2A_OPER_PRD_MSIL1C_PDMC_20160605T120000_R051_V20151221T205519_20151221T205519"
    safe = tmp_path / f"{name}.SAFE"
    made = Made(level="L1C", baseline="02.01", day="2015-12-21", clock="205519")
    write_metadata(safe, made).rename(safe / "S2A_OPER_MTD_SAFL1C_PDMC_20160605T120000.xml")
    for tile in ("T01CCV", "T01CDV"):
        stem = f"S2A_OPER_MSI_L1C_TL_EPA__20160325T184811_A002599_{tile}"
        images = safe / "GRANULE" / f"{stem}_N02.01" / "IMG_DATA"
        write_jp2(images / f"{stem}_B02.jp2", few_bands()["B02"], metres=10)
    stack = find_stack(safe)
    assert [scene.product.tile for scene in stack.scenes] == ["T01CCV", "T01CDV"]
    assert stack.scenes[0].time == datetime(2015, 12, 21, 20, 55, 19)


def test_a_product_without_a_folder_of_its_own(tmp_path):
    """As people pack it again, and as they call it."""
    safe = write_safe(tmp_path, NEW, few_bands())
    with ZipFile(tmp_path / "april.zip", "w") as packed:
        for path in safe.rglob("*"):
            packed.write(path, path.relative_to(safe))
    safe.rename(tmp_path / "april")
    for source in ("april", "april.zip"):
        (scene,) = find_stack(tmp_path / source).scenes
        assert scene.name == "2023-04-05"
        assert (scene.product.baseline, scene.product.tile) == ("05.11", "T31UFQ")


def test_a_product_without_metadata_or_images(tmp_path):
    safe = write_safe(tmp_path / "in", NEW, few_bands())
    whole = write_safe(tmp_path / "in", TOP, few_bands())
    (whole / "MTD_MSIL1C.xml").unlink()
    with pytest.raises(StackError, match=r"SAFE: has no MTD_MSIL1C\.xml"):
        find_stack(tmp_path / "in")
    write_metadata(whole, TOP)
    for path in safe.rglob("*.jp2"):
        path.unlink()
    with pytest.raises(StackError, match=f"{NEW.name}.SAFE: holds no image of a band"):
        find_stack(tmp_path / "in")


def test_metadata_beside_the_images_of_another_product(tmp_path):
    write_metadata(tmp_path, NEW)
    write_jp2(tmp_path / "T31UFQ_20180804T105021_B02.jp2", few_bands()["B02"], metres=10)
    with pytest.raises(StackError, match=r"MTD_MSIL2A\.xml: is of 20230405, but .* is of 20180804"):
        find_stack(tmp_path)


def test_levels_are_not_mixed(tmp_path):
    write_safe(tmp_path, NEW, few_bands())
    write_safe(tmp_path, TOP, few_bands())
    with pytest.raises(StackError, match=r"_MSIL1C_.*: is of level L1C, but .*_MSIL2A_.* L2A"):
        find_stack(tmp_path)


# Zips.


@pytest.fixture
def archive(tmp_path):
    return zip_safe(write_safe(tmp_path / "x", NEW, few_bands()), tmp_path / "in")


def add(archive, name, *, text=b"x"):
    with ZipFile(archive, "a", ZIP_DEFLATED) as packed:
        packed.writestr(name, text)


def refused(archive, message):
    for source in (archive, archive.parent):
        with pytest.raises(StackError, match=message) as error:
            find_stack(source)
        assert str(error.value).startswith(f"{archive}: ")


@pytest.mark.parametrize("name", ["../../etc/x.jp2", "/etc/x.jp2", "a/./b.jp2"])
def test_paths_that_leave_a_zip(archive, name):
    info = ZipInfo("place")
    info.filename = name
    add(archive, info)
    refused(archive, "leads out of the folder")


def test_a_link_in_a_zip(archive):
    info = ZipInfo("T31UFQ_20230405T105031_B03.jp2")
    info.external_attr = 0o120777 << 16
    add(archive, info, text=b"/etc/passwd")
    refused(archive, "is a link or a device")


def test_a_zip_that_is_cut_short(archive):
    archive.write_bytes(archive.read_bytes()[:-300])
    refused(archive, "found a damaged zip")
    archive.write_bytes(b"")
    refused(archive, "found a damaged zip")


def changed_entry(archive, place, form, value):
    """Change a field of the directory's first entry."""
    whole = bytearray(archive.read_bytes())
    start = whole.index(b"PK\x01\x02")
    struct.pack_into(form, whole, start + place, value)
    archive.write_bytes(whole)


def test_a_member_that_claims_to_grow_beyond_measure(archive):
    changed_entry(archive, 24, "<I", LARGE + 1)
    refused(archive, "claims that its .* bytes become 1073741825")


def test_members_that_share_their_bytes(archive):
    changed_entry(archive, 20, "<I", 10**6)
    refused(archive, "claim more packed bytes than the zip has")


def test_an_encrypted_member(archive):
    changed_entry(archive, 8, "<H", 1)
    refused(archive, "is encrypted")


def test_metadata_in_a_zip_that_grow_beyond_measure(archive):
    other = archive.with_name("S2A_other.zip")
    with ZipFile(archive) as whole, ZipFile(other, "w", ZIP_DEFLATED) as packed:
        for name in whole.namelist():
            xml = name.endswith("MTD_MSIL2A.xml")
            packed.writestr(name, whole.read(name) + b" " * (MOST_XML * xml))
    with pytest.raises(StackError, match=f"larger than {MOST_XML} bytes"):
        find_stack(other)


def test_a_zip_without_images(tmp_path):
    with ZipFile(tmp_path / "a.zip", "w") as packed:
        packed.writestr("readme.txt", "x")
    with pytest.raises(StackError, match=r"a\.zip: holds no GeoTIFF and no JPEG 2000"):
        find_stack(tmp_path / "a.zip")
    with pytest.raises(StackError, match=r"Name a\.zip"):
        find_stack(tmp_path)


def test_homes_are_sought_for_native_names_only(tmp_path):
    safe = write_safe(tmp_path, NEW, few_bands())
    inside = next(safe.rglob("*_B02_10m.jp2"))
    assert find_homes([inside, Path("S2_20180101_B02.tif")]) == {inside: home(safe, NEW)}
