"""Where GDAL finds a raster: a file, a member of an archive, or a URL."""

import os
import re
from pathlib import Path, PurePath, PurePosixPath

_URL = re.compile(r"((?:^|/)[a-z][a-z0-9+.-]*:)/(?!/)")
_WEB = re.compile(r"https?://", re.IGNORECASE)
_ARCHIVE = re.compile(r"(/vsi(?:zip|tar|gzip|7z|rar)/)(.+)")
_IN_ZIP = re.compile(r"/vsizip/\{(?P<zip>.+?)\}(?:/(?P<member>.*))?")
_DRIVE = re.compile(r"/[a-zA-Z]:")
WINDOWS = os.name == "nt"


def gdal_name(path: PurePath) -> str:
    """The name that GDAL opens.

    A `Path` holds URLs such as `/vsicurl/https://host/a.tif` too, but folds their double slash,
    which GDAL needs.
    """
    # Its own names have forward slashes, whatever those of files have.
    return _URL.sub(r"\1//", path.as_posix(), count=1) if is_virtual(path) else str(path)


def is_virtual(path: PurePath) -> bool:
    """Whether GDAL alone can reach it: a member of an archive, or a file of another machine."""
    return path.as_posix().startswith("/vsi")


def located(text: str | Path) -> Path:
    """What a user names, as a path whose `gdal_name` GDAL opens.

    A URL is read through /vsicurl/. An archive's absolute path is put into braces, since a `Path`
    would fold the double slash of `/vsizip//data/a.zip/b.tif`.
    """
    name = text.as_posix() if isinstance(text, Path) and is_virtual(text) else str(text)
    if found := _WEB.match(name):
        return Path(f"/vsicurl/{found[0].lower()}{name[found.end() :]}")
    found = _ARCHIVE.fullmatch(name)
    if not found:
        return Path(name)
    # One slash before a relative path, two before an absolute one; a `Path` has lost the second.
    for inside in (Path(found[2]), Path(f"/{found[2]}")):
        if archive := _existing_file(inside):
            return Path(f"{found[1]}{{{archive.absolute().as_posix()}}}") / inside.relative_to(
                archive
            )
    return Path(name)


def in_zip(archive: Path, member: str) -> Path:
    """The path of a zip's member; the zip may be called anything."""
    return Path(f"/vsizip/{{{archive.absolute().as_posix()}}}") / member


def of_file_url(url: str) -> Path:
    """The file of a file:// URL, in which a slash stands before a drive's letter."""
    name = url.removeprefix("file://")
    return Path(name[1:] if WINDOWS and _DRIVE.match(name) else name)


def zip_and_member(path: PurePath) -> tuple[Path, str] | None:
    """Undo `in_zip`; None for a path of another kind."""
    found = _IN_ZIP.fullmatch(path.as_posix())
    return (Path(found["zip"]), found["member"] or "") if found else None


def file_behind(path: Path) -> Path | None:
    """The file of this machine that holds a raster: itself or its zip; None if there is none."""
    if not is_virtual(path):
        return path
    found = zip_and_member(path)
    return found[0] if found else None


def holders(path: Path) -> list[Path]:
    """What holds a file and bears a product's name: folders called .SAFE, and its zip."""
    found = zip_and_member(path)
    folders = [place for place in path.parents if place.suffix.lower() == ".safe"]
    return [*folders, found[0]] if found else folders


def stem(path: PurePath) -> str:
    """A file's name without suffix; of a URL without its query, too."""
    if not is_virtual(path):
        return path.stem
    return PurePosixPath(path.as_posix().partition("?")[0]).stem


def _existing_file(path: Path) -> Path | None:
    """The file that a path leads to, or through."""
    return next((place for place in (path, *path.parents) if place.is_file()), None)
