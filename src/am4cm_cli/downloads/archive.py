"""A zip unpacked with distrust: only plain files, only inside the folder, none larger than told."""

import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import NamedTuple
from zipfile import BadZipFile, ZipFile, ZipInfo

from am4cm_cli.downloads.meter import Meter, Tell, unseen
from am4cm_cli.downloads.web import PIECE, DownloadError
from am4cm_cli.space import check_space
from am4cm_cli.zips import DAMAGED, JUNK, is_sealed, leads_astray, overlaps, sizes

MOST_GROWTH = 20
"""Times the zip's own size that it may become; images come to less than 3."""


class Member(NamedTuple):
    """A file in a zip, and where it goes."""

    info: ZipInfo
    target: Path


def unpack_zip(path: Path, folder: Path, *, last: str = "", meter: Meter = unseen) -> int:
    """Unpack a zip without its top folder; members that are there already are kept.

    Each member appears whole or not at all. A file of its name with another content is replaced.

    Args:
        path: of the zip.
        folder: to unpack into.
        last: name of the member to unpack after all others, as a sign that they are there.
        meter: follows the bytes.

    Returns:
        How many members were written; the others were there.

    Raises:
        DownloadError: the zip is damaged, or anything in it is not a plain file in its place.
        OutputError: there is too little space.
    """
    with _readable(path), ZipFile(path) as archive:
        members = _members(path, archive.infolist(), folder)
        members.sort(key=lambda member: member.target == folder / last)
        missing, done = [], 0
        with meter(f"Looking through {folder.name}", _total(members)) as tell:
            for member in members:
                tell(done := done + member.info.file_size)
                if not _is_there(member):
                    missing.append(member)
        _unpack(archive, missing, folder, meter)
    return len(missing)


def _members(path: Path, infos: Sequence[ZipInfo], folder: Path) -> list[Member]:
    """Say where each file goes; refuse the whole zip if any member is not to be trusted.

    Raises:
        DownloadError: names the first such member; nothing was written.
    """
    for info in infos:
        if fault := _fault(info):
            raise DownloadError(f"{path}: {info.filename!r} {fault}; nothing of it was unpacked.")
    files = [i for i in infos if not i.is_dir() and not i.filename.startswith(JUNK)]
    packed, total = sizes(files)
    size = path.stat().st_size
    if overlaps(path, files) or total > MOST_GROWTH * size:
        raise DownloadError(
            f"{path}: its {size} bytes claim to hold {packed} packed, {total} unpacked; expected "
            f"at most {MOST_GROWTH} times its size. Nothing of it was unpacked."
        )
    places = _places(path, files)
    return [Member(info, folder / place) for info, place in zip(files, places, strict=True)]


def _fault(info: ZipInfo) -> str:
    """Tell what is wrong with a member; nothing if all is well."""
    if fault := leads_astray(info):
        return fault
    if not info.filename.isprintable() or "\\" in info.filename or ":" in info.filename:
        return "has signs in its name that not every system can store"
    if is_sealed(info):
        return f"is encrypted, or packed by method {info.compress_type}; unpack the zip yourself"
    return ""


def _places(path: Path, files: Sequence[ZipInfo]) -> list[PurePosixPath]:
    """Say where each file goes: below the top folder, if there is one for all."""
    places = [PurePosixPath(info.filename) for info in files]
    if len({place.parts[0] for place in places}) == 1 < len(places[0].parts):
        places = [PurePosixPath(*place.parts[1:]) for place in places]
    parents = {parent for place in places for parent in place.parents}
    if not places or len(set(places)) < len(places) or parents & set(places):
        raise DownloadError(
            f"{path}: found {len(places)} files in {len(set(places))} places, expected at least "
            "one and a place for each; nothing of it was unpacked."
        )
    return places


def _is_there(member: Member) -> bool:
    info, target = member
    if not target.is_file() or target.stat().st_size != info.file_size:
        return False
    found = 0
    with target.open("rb") as file:
        while piece := file.read(PIECE):
            found = zlib.crc32(piece, found)
    return found == info.CRC


def _unpack(archive: ZipFile, members: Sequence[Member], folder: Path, meter: Meter) -> None:
    total, done = _total(members), 0
    check_space(folder, total, "to unpack into")
    with meter(f"Unpacking to {folder.name}", total) as tell:
        for member in members:
            _write(archive, member, tell, done)
            done += member.info.file_size


def _write(archive: ZipFile, member: Member, tell: Tell, done: int) -> None:
    info, target = member
    target.parent.mkdir(parents=True, exist_ok=True)
    # Always the same name, so that the next run overwrites what a killed one left.
    part = target.with_name(f"{target.name}.part")
    with archive.open(info) as source, part.open("wb") as file:
        # The reader stops at the size that the directory tells, and then checks the CRC.
        while piece := source.read(PIECE):
            file.write(piece)
            tell(done + file.tell())
        if file.tell() != info.file_size:
            raise BadZipFile(f"{info.filename}: {file.tell()} of {info.file_size} bytes")
    part.replace(target)


def _total(members: Sequence[Member]) -> int:
    return sum(member.info.file_size for member in members)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except DAMAGED as error:
        raise DownloadError(
            f"{path}: found a damaged zip ({error}), expected a whole one. What was unpacked so "
            "far is good; remove the zip, and the same command fetches it again."
        ) from error
