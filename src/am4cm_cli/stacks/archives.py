"""Zips of images, looked into with distrust: nothing is unpacked, GDAL reads what is inside."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from zipfile import ZipFile, ZipInfo

from am4cm_cli.errors import StackError
from am4cm_cli.stacks.locations import zip_and_member
from am4cm_cli.zips import DAMAGED, JUNK, is_sealed, leads_astray, overlaps

MOST_MEMBERS = 20_000
"""Files in a zip; a product has some hundred."""
MOST_GROWTH = 100
"""Times its packed size that a member larger than LARGE may become: images come to less than 3."""
LARGE = 2**30
"""Bytes; a band of zeros alone has a fifth of it and is packed a thousandfold."""


def list_zip(archive: Path) -> list[str]:
    """Names of a zip's files.

    Raises:
        StackError: it is damaged, or holds something that is not to be trusted.
    """
    with _readable(archive), ZipFile(archive) as content:
        infos = [info for info in content.infolist() if not info.filename.startswith(JUNK)]
        _check(archive, infos)
    return [info.filename for info in infos if not info.is_dir()]


def names_in(folder: Path) -> list[str]:
    """Names of the files right in a folder, which may be one inside a zip."""
    found = zip_and_member(folder)
    if not found:
        with _readable(folder):
            return [path.name for path in folder.iterdir() if path.is_file()]
    places = map(PurePosixPath, list_zip(found[0]))
    return [place.name for place in places if place.parent == PurePosixPath(found[1])]


def read_bytes(path: Path, *, most: int) -> bytes:
    """Read a small file, which may be one inside a zip.

    Raises:
        StackError: it is larger than `most` bytes, or cannot be read.
    """
    found = zip_and_member(path)
    if found:
        with _readable(found[0]), ZipFile(found[0]) as content, content.open(found[1]) as file:
            text = file.read(most + 1)
    else:
        with _readable(path), path.open("rb") as file:
            text = file.read(most + 1)
    if len(text) > most:
        raise StackError(
            f"{path}: is larger than {most} bytes; expected metadata, which is smaller. Fetch the "
            f"product again."
        )
    return text


def _check(archive: Path, infos: Sequence[ZipInfo]) -> None:
    if len(infos) > MOST_MEMBERS:
        raise StackError(
            f"{archive}: holds {len(infos)} files; expected at most {MOST_MEMBERS}. Unpack it, and "
            f"name the folder of images."
        )
    for info in infos:
        fault = leads_astray(info) or _seal(info) or _bomb(info)
        if fault:
            raise StackError(f"{archive}: {info.filename!r} {fault}. Fetch the zip again.")
    if overlaps(archive, infos):
        raise StackError(
            f"{archive}: its files claim more packed bytes than the zip has; expected a place of "
            f"its own for each. Fetch the zip again."
        )


def _seal(info: ZipInfo) -> str:
    return "is encrypted, or packed in a way that GDAL cannot read" * is_sealed(info)


def _bomb(info: ZipInfo) -> str:
    if info.file_size <= max(LARGE, MOST_GROWTH * info.compress_size):
        return ""
    return (
        f"claims that its {info.compress_size} bytes become {info.file_size}; expected at most "
        f"{MOST_GROWTH} times as many of an image"
    )


@contextmanager
def _readable(archive: Path) -> Iterator[None]:
    try:
        yield
    except (*DAMAGED, KeyError) as error:
        raise StackError(
            f"{archive}: found a damaged zip ({error}); expected a whole one. Fetch it again, or "
            f"remove it."
        ) from error
    except OSError as error:
        raise StackError(f"{archive}: cannot be read ({error.strerror}).") from error
