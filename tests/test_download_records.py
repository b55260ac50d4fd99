"""What a record says, and records that say nothing of use."""

import json

import pytest

from am4cm_cli.downloads.records import pick_zip, read_record
from am4cm_cli.downloads.web import DownloadError, UnreachableError
from zenodo import HASTE, Zenodo, md5


@pytest.fixture
def server():
    with Zenodo(b"abc") as zenodo:
        yield zenodo


def test_a_record_names_its_file_with_size_and_checksum(server):
    (file,) = read_record(server.record_url, patience=HASTE)
    assert (file.name, file.size, file.md5) == ("PASTIS.zip", 3, md5(b"abc"))
    assert file.url == f"{server.url}/api/records/1/files/PASTIS.zip/content"


def test_a_saved_record_will_do(server, tmp_path):
    path = tmp_path / "record.json"
    path.write_text(json.dumps({"files": [server.entry]}))
    assert read_record(str(path), patience=HASTE) == (server.remote,)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"checksum": "sha1:1234"}, "checksum 'sha1:1234', expected md5"),
        ({"checksum": None}, "checksum None"),
        ({"size": -1}, "size -1"),
        ({"size": "3"}, "size '3'"),
        ({"size": True}, "size True"),
        ({"links": {}}, "KeyError: 'self'"),
        ({"key": 5}, "of 5 at"),
    ],
)
def test_a_useless_entry_is_named(server, change, message):
    server.record = change
    with pytest.raises(DownloadError, match=message) as caught:
        read_record(server.record_url, patience=HASTE)
    assert server.record_url in str(caught.value)
    assert "--record" in str(caught.value)


@pytest.mark.parametrize("text", ["", "<html>", "[]", "{}", '{"files": 3}', '{"files": [3]}'])
def test_what_is_no_record_is_shown(tmp_path, text):
    path = tmp_path / "record.json"
    path.write_text(text)
    with pytest.raises(DownloadError, match="expected a Zenodo record") as caught:
        read_record(str(path), patience=HASTE)
    assert repr(text) in str(caught.value)


def test_no_file_no_server_and_no_encryption(tmp_path, server):
    with pytest.raises(DownloadError, match="cannot be read"):
        read_record(str(tmp_path / "none.json"), patience=HASTE)
    with pytest.raises(DownloadError, match="expected a URL that begins with https"):
        read_record("http://example.org/api/records/1", patience=HASTE)
    server.server_close()
    with pytest.raises(UnreachableError, match=r"no connection .* 3 times"):
        read_record(server.record_url, patience=HASTE)


def test_the_named_file_is_chosen_or_else_the_only_zip(server):
    files = [file_called(server, name) for name in ("README.md", "PASTIS.zip", "more.zip")]
    assert pick_zip(tuple(files), "PASTIS.zip", "record").name == "PASTIS.zip"
    assert pick_zip(tuple(files[::2]), "PASTIS.zip", "record").name == "more.zip"
    for useless in (files[:1], [], [files[2], files[2]]):
        with pytest.raises(DownloadError, match=r"expected PASTIS\.zip"):
            pick_zip(tuple(useless), "PASTIS.zip", "record")


def file_called(server, name):
    server.name = name
    return server.remote
