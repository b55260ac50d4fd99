"""Zips unpacked: honest ones wholly, hostile ones not at all."""

import stat
import zlib
from zipfile import ZIP_DEFLATED, ZIP_LZMA, ZipFile, ZipInfo

import numpy as np
import pytest

from am4cm_cli.downloads.archive import unpack_zip
from am4cm_cli.downloads.web import DownloadError

FILES = {
    "PASTIS/metadata.geojson": b"{}",
    "PASTIS/DATA_S2/S2_1.npy": np.random.default_rng(1).bytes(5000),
    "PASTIS/DATA_S2/S2_2.npy": np.random.default_rng(2).bytes(3000),
}


def write_zip(path, files=FILES, method=0):
    with ZipFile(path, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def tree(folder):
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.fixture
def folder(tmp_path):
    """To unpack into; what lies beside it must not change."""
    folder = tmp_path / "in" / "side"
    folder.mkdir(parents=True)
    return folder


@pytest.mark.parametrize("top", ["PASTIS/", ""])
@pytest.mark.parametrize("method", [0, ZIP_DEFLATED])
def test_an_honest_zip_loses_its_top_folder(tmp_path, folder, top, method):
    files = {top + name.removeprefix("PASTIS/"): content for name, content in FILES.items()}
    junk = {"__MACOSX/PASTIS/._metadata.geojson": b"junk"}
    path = write_zip(tmp_path / "a.zip", files | junk, method)
    assert unpack_zip(path, folder) == 3
    assert tree(folder) == {n.removeprefix("PASTIS/"): content for n, content in FILES.items()}


def test_a_second_time_only_what_is_missing_or_spoilt_is_written(tmp_path, folder):
    path = write_zip(tmp_path / "a.zip")
    unpack_zip(path, folder)
    whole, kept = tree(folder), folder / "DATA_S2" / "S2_1.npy"
    before = kept.stat().st_ino
    assert unpack_zip(path, folder) == 0
    (folder / "metadata.geojson").unlink()
    (folder / "metadata.geojson.part").write_bytes(b"left by a killed run, and too long")
    (folder / "DATA_S2" / "S2_2.npy").write_bytes(bytes(3000))
    assert unpack_zip(path, folder) == 2
    assert tree(folder) == whole
    assert kept.stat().st_ino == before


def test_the_sign_comes_last(tmp_path, folder):
    path = write_zip(tmp_path / "a.zip")
    spoil(path, FILES["PASTIS/DATA_S2/S2_2.npy"])
    with pytest.raises(DownloadError, match="damaged zip"):
        unpack_zip(path, folder, last="metadata.geojson")
    assert {name.partition(".")[0] for name in tree(folder)} == {"DATA_S2/S2_1", "DATA_S2/S2_2"}
    assert not (folder / "DATA_S2" / "S2_2.npy").exists()


def spoil(path, content):
    stored = bytearray(path.read_bytes())
    stored[stored.index(content) + 9] ^= 1
    path.write_bytes(stored)


@pytest.mark.parametrize(
    "name",
    [
        "../out.txt",
        "PASTIS/../../out.txt",
        "/out.txt",
        "PASTIS//x",
        "PASTIS/./x",
        "..\\x",
        "C:x",
        "PASTIS/a\nb",
        "../",
        "__MACOSX/../../out.txt",
    ],
)
def test_a_name_that_leads_astray_condemns_the_whole_zip(tmp_path, folder, name):
    path = write_zip(tmp_path / "a.zip", FILES | {name: b"x"})
    with pytest.raises(DownloadError, match="nothing of it was unpacked") as caught:
        unpack_zip(path, folder)
    assert repr(name) in str(caught.value)
    assert tree(tmp_path).keys() == {"a.zip"}


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_links_and_devices_are_refused(tmp_path, folder, kind):
    path = write_zip(tmp_path / "a.zip")
    info = ZipInfo("PASTIS/link")
    info.create_system, info.external_attr = 3, (kind | 0o777) << 16
    with ZipFile(path, "a") as archive:
        archive.writestr(info, "/etc")
    with pytest.raises(DownloadError, match="is a link or a device"):
        unpack_zip(path, folder)
    assert tree(folder) == {}


def test_a_bomb_is_not_set_off(tmp_path, folder):
    path = write_zip(tmp_path / "a.zip", {"PASTIS/zeros": bytes(10_000_000)}, ZIP_DEFLATED)
    with pytest.raises(DownloadError, match="10000000 unpacked; expected at most 20 times"):
        unpack_zip(path, folder)
    assert tree(folder) == {}


@pytest.mark.parametrize(
    "names", [[], ["PASTIS/a", "PASTIS/a"], ["PASTIS/a", "PASTIS/a/b"], ["PASTIS", "PASTIS/b"]]
)
def test_no_place_for_each_file(tmp_path, folder, names):
    path = tmp_path / "a.zip"
    with ZipFile(path, "w") as archive:
        for number, name in enumerate(names):
            archive.writestr(info := ZipInfo(f"{number}"), b"x")
            info.filename = name
    with pytest.raises(DownloadError, match=f"found {len(names)} files"):
        unpack_zip(path, folder)
    assert tree(folder) == {}


def test_foreign_packing_and_encryption_are_named(tmp_path, folder):
    path = write_zip(tmp_path / "a.zip", method=ZIP_LZMA)
    with pytest.raises(DownloadError, match="packed by method 14; unpack the zip yourself"):
        unpack_zip(path, folder)
    path = write_zip(tmp_path / "b.zip", {"PASTIS/a": b"x"})
    stored = bytearray(path.read_bytes())
    for mark, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        stored[stored.index(mark) + flags] |= 1
    path.write_bytes(stored)
    with pytest.raises(DownloadError, match="is encrypted"):
        unpack_zip(path, folder)
    assert tree(folder) == {}


def test_what_is_no_zip_is_called_damaged(tmp_path, folder):
    path = tmp_path / "a.zip"
    path.write_bytes(b"<html>not found</html>")
    with pytest.raises(DownloadError, match="found a damaged zip"):
        unpack_zip(path, folder)


def test_a_size_that_lies_is_found_out(tmp_path, folder):
    """The directory tells 4000 bytes with their checksum, the packed stream has more or fewer."""
    content = np.random.default_rng(6).bytes(4001)
    for length in (3999, 4001):
        path = write_zip(tmp_path / "a.zip", {"PASTIS/a": content[:length]}, ZIP_DEFLATED)
        stored = bytearray(path.read_bytes())
        central = stored.index(b"PK\x01\x02")
        stored[central + 16 : central + 20] = zlib.crc32(content[:4000]).to_bytes(4, "little")
        stored[central + 24 : central + 28] = (4000).to_bytes(4, "little")
        path.write_bytes(stored)
        if length > 4000:  # the reader stops at what is told, and the rest is nobody's
            unpack_zip(path, folder)
            assert (folder / "a").stat().st_size == 4000
        else:
            with pytest.raises(DownloadError, match="damaged zip"):
                unpack_zip(path, folder)
            assert not (folder / "a").exists()
