"""Where GDAL finds a raster: a file, a member of an archive, or a URL."""

import re
from pathlib import Path, PurePosixPath

_URL = re.compile(r"((?:^|/)[a-z][a-z0-9+.-]*:)/(?!/)")
_WEB = re.compile(r"https?://", re.IGNORECASE)
_ARCHIVE = re.compile(r"(/vsi(?:zip|tar|gzip|7z|rar)/)(.+)")
_IN_ZIP = re.compile(r"/vsizip/\{(?P<zip>.+?)\}(?:/(?P<member>.*))?")


def gdal_name(path: Path) -> str:
    """The name that GDAL opens.

    A `Path` holds URLs such as `/vsicurl/https://host/a.tif` too, but folds their double slash,
    which GDAL needs.
    """
    text = str(path)
    return _URL.sub(r"\1//", text, count=1) if is_virtual(path) else text


def is_virtual(path: Path) -> bool:
    """Whether GDAL alone can reach it: a member of an archive, or a file of another machine."""
    return str(path).startswith("/vsi")


def located(text: str | Path) -> Path:
    """What a user names, as a path whose `gdal_name` GDAL opens.

    A URL is read through /vsicurl/. An archive's absolute path is put into braces, since a `Path`
    would fold the double slash of `/vsizip//data/a.zip/b.tif`.
    """
    name = str(text)
    if found := _WEB.match(name):
        return Path(f"/vsicurl/{found[0].lower()}{name[found.end() :]}")
    found = _ARCHIVE.fullmatch(name)
    if not found:
        return Path(name)
    # One slash before a relative path, two before an absolute one; a `Path` has lost the second.
    for inside in (Path(found[2]), Path(f"/{found[2]}")):
        if archive := _existing_file(inside):
            return Path(f"{found[1]}{{{archive.absolute()}}}") / inside.relative_to(archive)
    return Path(name)


def in_zip(archive: Path, member: str) -> Path:
    """The path of a zip's member; the zip may be called anything."""
    return Path(f"/vsizip/{{{archive.absolute()}}}") / member


def zip_and_member(path: Path) -> tuple[Path, str] | None:
    """Undo `in_zip`; None for a path of another kind."""
    found = _IN_ZIP.fullmatch(str(path))
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


def stem(path: Path) -> str:
    """A file's name without suffix; of a URL without its query, too."""
    if not is_virtual(path):
        return path.stem
    return PurePosixPath(str(path).partition("?")[0]).stem


def _existing_file(path: Path) -> Path | None:
    """The file that a path leads to, or through."""
    return next((place for place in (path, *path.parents) if place.is_file()), None)
