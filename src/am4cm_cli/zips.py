"""What a zip's own directory tells of its members, before anything is read or unpacked."""

import stat
import zlib
from collections.abc import Sequence
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipInfo

JUNK = "__MACOSX/"
"""Folder that macOS adds to zips; nothing in it is of the data."""
ENCRYPTED = 1
DAMAGED = (BadZipFile, NotImplementedError, EOFError, zlib.error, UnicodeDecodeError)
"""What the standard library raises where a zip is not whole."""


def leads_astray(info: ZipInfo) -> str:
    """Tell what is wrong with a member's place or kind; nothing if all is well."""
    name = info.filename.removesuffix("/")
    if any(part in {"", ".", ".."} for part in name.split("/")):
        return "leads out of the folder, or nowhere"
    if stat.S_IFMT(info.external_attr >> 16) not in {0, stat.S_IFREG, stat.S_IFDIR}:
        return "is a link or a device, expected a plain file"
    return ""


def is_sealed(info: ZipInfo) -> bool:
    """Whether a member is encrypted, or packed in a way that few programs read."""
    return bool(info.flag_bits & ENCRYPTED or info.compress_type not in {ZIP_STORED, ZIP_DEFLATED})


def sizes(infos: Sequence[ZipInfo]) -> tuple[int, int]:
    """Bytes of all members, as they are packed and as they claim to be unpacked."""
    return sum(info.compress_size for info in infos), sum(info.file_size for info in infos)


def overlaps(path: Path, infos: Sequence[ZipInfo]) -> bool:
    """Whether members claim more packed bytes than the zip has: some then share theirs."""
    return sizes(infos)[0] > path.stat().st_size
