"""A file fetched piece by piece, as often as it takes, and checked.

Until it is whole and right it grows under another name, which holds the start of its MD5: what a
killed run left is gone on with, but never with the bytes of another version.
"""

import hashlib
import re
from collections.abc import Iterator
from http.client import HTTPResponse
from pathlib import Path
from typing import IO

from am4cm_cli.downloads.meter import Meter, Tell, unseen
from am4cm_cli.downloads.records import RemoteFile
from am4cm_cli.downloads.web import (
    PIECE,
    BrokenOffError,
    DownloadError,
    Patience,
    Tries,
    open_url,
    read_pieces,
)

PARTIAL_CONTENT = 206


def part_path(path: Path, remote: RemoteFile) -> Path:
    """Return where a file grows until it is whole."""
    return path.with_name(f"{path.name}.{remote.md5[:8]}.part")


def fetch_file(
    remote: RemoteFile, path: Path, *, patience: Patience, meter: Meter = unseen
) -> None:
    """Bring a file here, or find it here already; go on where an earlier run stopped.

    Args:
        remote: what to fetch.
        path: appears once the file is whole and its checksum right.
        patience: with the server.
        meter: follows the bytes.

    Raises:
        DownloadError: it cannot be had, or is not what the record says. What was fetched stays,
            but for a whole file with a wrong checksum.
    """
    part = part_path(path, remote)
    if path.exists():
        _check_present(path, remote, part, meter)
        return
    with part.open("ab") as file, meter(f"Downloading {remote.name}", remote.size) as tell:
        _fill(file, remote, patience, tell)
    if (found := _md5(part, meter)) != remote.md5:
        part.unlink()
        raise DownloadError(
            f"{remote.url}: found MD5 {found}, its record says {remote.md5}. {part} was removed; "
            "the same command starts afresh."
        )
    part.replace(path)


def _fill(file: IO[bytes], remote: RemoteFile, patience: Patience, tell: Tell) -> None:
    tries = Tries(remote.url, patience)
    while (start := file.tell()) < remote.size:
        tell(start)
        try:
            for piece in _rest(remote, start, patience.timeout):
                file.write(piece)
                tell(file.tell())
            if file.tell() < remote.size:
                found = f"the connection broke off after {file.tell()} of {remote.size} bytes"
                raise BrokenOffError(found)
        except BrokenOffError as error:
            if file.tell() > start:
                tries.gained()
            tries.pause(error)


def _rest(remote: RemoteFile, start: int, timeout: float) -> Iterator[bytes]:
    """Yield the file from a byte on; a server that sends all of it is heard out."""
    wanted = {"Range": f"bytes={start}-"} if start else {}
    with open_url(remote.url, timeout=timeout, **wanted) as response:
        place = _check_answer(response, remote, start)
        for piece in read_pieces(response):
            if place + len(piece) > remote.size:
                raise DownloadError(_wrong_size(remote, "more"))
            yield piece[max(start - place, 0) :]
            place += len(piece)


def _check_answer(response: HTTPResponse, remote: RemoteFile, start: int) -> int:
    """Return the place in the file of the answer's first byte: 0, or the one asked for.

    Raises:
        DownloadError: it is of another file.
        BrokenOffError: it is of another place.
    """
    coding = response.headers.get("Content-Encoding", "identity")
    if coding != "identity":
        raise DownloadError(f"{remote.url}: found {coding} coding, expected the file as it is.")
    if response.status != PARTIAL_CONTENT:
        place, total = 0, response.headers.get("Content-Length", "*")
    else:
        found = response.headers.get("Content-Range", "")
        match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", found, re.ASCII)
        place, total = (int(match[1]), match[2]) if match else (-1, "*")
    if total not in {"*", str(remote.size)}:
        raise DownloadError(_wrong_size(remote, total))
    if place not in {0, start}:
        raise BrokenOffError(f"the server sends another part than the one from byte {start} on")
    return place


def _wrong_size(remote: RemoteFile, found: str) -> str:
    return (
        f"{remote.url}: the server has {found} bytes, its record says {remote.size}. Nothing was "
        "removed; try again later, or give another --record."
    )


def _check_present(path: Path, remote: RemoteFile, part: Path, meter: Meter) -> None:
    if (size := path.stat().st_size) != remote.size:
        raise DownloadError(
            f"{path}: found {size} bytes, its record says {remote.size}. If it is the start of "
            f"the file, rename it to {part.name} to go on from there; otherwise remove it."
        )
    if (found := _md5(path, meter)) != remote.md5:
        raise DownloadError(
            f"{path}: found MD5 {found}, its record says {remote.md5}. Remove it; the same command "
            "then fetches it again."
        )


def _md5(path: Path, meter: Meter) -> str:
    found, done = hashlib.md5(usedforsecurity=False), 0
    with path.open("rb") as file, meter(f"Checking {path.name}", path.stat().st_size) as tell:
        while piece := file.read(PIECE):
            found.update(piece)
            tell(done := done + len(piece))
    return found.hexdigest()
