"""What a Zenodo record says of its files."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from am4cm_cli.downloads.web import (
    BrokenOffError,
    DownloadError,
    Patience,
    Tries,
    open_url,
    read_pieces,
)

MOST = 8 << 20
"""Bytes of a record; they have some ten thousand."""
TRIES = 3
"""At most; whoever is offline should not have to wait for the news."""


@dataclass(frozen=True, kw_only=True)
class RemoteFile:
    """A file of a record."""

    name: str
    url: str
    size: int
    """Bytes."""
    md5: str
    """32 hexadecimal digits, small."""


def read_record(source: str, *, patience: Patience) -> tuple[RemoteFile, ...]:
    """List the files of a record.

    Args:
        source: URL in Zenodo's REST API, or the path of a saved answer of it.
        patience: with the server.

    Raises:
        UnreachableError: it cannot be had.
        DownloadError: it is no record.
    """
    content = _fetch(source, patience) if "://" in source else _load(Path(source))
    try:
        entries = json.loads(content)["files"]
        files = tuple(_file(entry) for entry in entries)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        start = content[:60].decode(errors="replace")
        raise DownloadError(
            f"{source}: found {start!r}, expected a Zenodo record: JSON with files, each with key, "
            f"size, checksum and links.self ({type(error).__name__}: {error}). Give another "
            "--record."
        ) from error
    return files


def pick_zip(files: tuple[RemoteFile, ...], name: str, source: str) -> RemoteFile:
    """Choose the file of this name, or else the only zip there is.

    Raises:
        DownloadError: there is neither.
    """
    named = [file for file in files if file.name == name]
    zips = [file for file in files if file.name.lower().endswith(".zip")]
    choice = named or zips
    if len(choice) != 1:
        found = ", ".join(file.name for file in files) or "no files"
        raise DownloadError(f"{source}: found {found}; expected {name}. Give another --record.")
    return choice[0]


def _file(entry: Any) -> RemoteFile:
    """Take what is needed from an entry.

    Raises:
        KeyError: a field is missing.
        TypeError: it is no object.
        ValueError: a value is of no use.
    """
    name, url = entry["key"], entry["links"]["self"]
    size, checksum = entry["size"], entry["checksum"]
    kind, _, md5 = str(checksum).lower().partition(":")
    if kind != "md5" or len(md5) != 32 or not set(md5) <= set("0123456789abcdef"):
        raise ValueError(f"checksum {checksum!r}, expected md5: and 32 digits")
    if type(size) is not int or size <= 0 or type(name) is not str or type(url) is not str:
        raise ValueError(f"size {size!r} of {name!r} at {url!r}")
    return RemoteFile(name=name, url=url, size=size, md5=md5)


def _load(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DownloadError(
            f"{path}: cannot be read ({error.strerror}); give the URL of a --record, or a file "
            "that holds its answer."
        ) from error


def _fetch(url: str, patience: Patience) -> bytes:
    tries = Tries(url, replace(patience, tries=min(patience.tries, TRIES)))
    while True:
        try:
            return _answer(url, patience.timeout)
        except BrokenOffError as error:
            tries.pause(error)


def _answer(url: str, timeout: float) -> bytes:
    content = b""
    with open_url(url, timeout=timeout, Accept="application/json") as response:
        for piece in read_pieces(response):
            content += piece
            if len(content) > MOST:
                raise DownloadError(f"{url}: found more than {MOST} bytes, expected a record.")
        length = response.headers.get("Content-Length", "")
    if length.isdigit() and len(content) < int(length):
        raise BrokenOffError(f"the connection broke off after {len(content)} of {length} bytes")
    return content
