"""Which image files a user means by a folder, a glob or a list."""

import glob
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from am4cm_cli.errors import StackError
from am4cm_cli.sensors import band_name

SUFFIXES = {".tif", ".tiff"}
NOT_IMAGES = {"masks", "qi_data"}
"""Folders inside products that hold masks and quality layers, in lower case."""

_BAND_AT_END = re.compile(
    r"(?:(?P<scene>.*?)(?:_(?P<kind>[SF]RE))?[_. -])?"
    r"(?P<band>B(?:0?[1-9]|1[0-2]|8A))(?:[_-](?P<metres>[126]0)m)?",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True)
class BandOfScene:
    """What the name of a file with one band says."""

    path: Path
    scene: str
    """The name without the band; the folder where the name is the band alone."""
    band: str
    is_flat: bool
    """True for THEIA's FRE, reflectance corrected for slopes, which is preferred to SRE."""
    metres: int
    """Pixel size; 0 where the name doesn't give it."""


def split_name(path: Path) -> BandOfScene | None:
    """Tell scene from band in `..._20180804_B02.tif`, `..._B02_10m.tif` or `..._FRE_B2.tif`."""
    found = _BAND_AT_END.fullmatch(path.stem)
    band = band_name(found["band"]) if found else None
    if not found or not band:
        return None
    return BandOfScene(
        path=path,
        scene=found["scene"] or path.parent.name,
        band=band,
        is_flat=(found["kind"] or "").upper() == "FRE",
        metres=int(found["metres"] or 0),
    )


def list_images(source: str | Path) -> tuple[list[Path], list[str]]:
    """List the rasters of a folder, a glob, a text file of paths, or one raster.

    A folder is searched with its sub-folders for files with a band in their names; where there are
    none, every raster directly in it is an image. So it is with the files of a glob or list.

    Returns:
        Paths in the order of their names, each once; and notes.
    """
    path = Path(source)
    if path.is_dir():
        listed = _in_folder(path / "images" if any(_walk(path / "images")) else path)
    elif path.suffix.lower() == ".txt":
        listed = _in_list(path)
    elif path.exists():
        listed = _of_one(path)
    else:
        listed = _in_glob(str(source))
    return _once(listed)


def _in_folder(folder: Path) -> list[Path]:
    found = sorted(_walk(folder))
    images = [path for path in found if split_name(path) or path.parent == folder]
    if not images:
        _refuse_safe(folder)
        raise StackError(f"{folder}: {_what_else(folder, found)}")
    return images


def _walk(folder: Path) -> Iterable[Path]:
    for root, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not _is_passed_over(name)]
        yield from (Path(root, name) for name in names if _is_raster(Path(name)))


def _in_list(path: Path) -> list[Path]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise StackError(f"{path}: cannot be read as a list of paths ({error}).") from error
    named = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    if not named:
        raise StackError(f"{path}: names no file; expected one path a line.")
    return [_existing(Path(name), path) for name in named]


def _existing(path: Path, listing: Path) -> Path:
    # As `ls images/*.tif > list.txt` writes them, else as a list kept beside its images.
    for candidate in (path, listing.parent / path):
        if candidate.is_file():
            return candidate
    raise StackError(f"{path}: named in {listing}, but there is no such file.")


def _in_glob(pattern: str) -> list[Path]:
    matches = [Path(match) for match in sorted(glob.glob(pattern, recursive=True))]  # noqa: PTH207
    if not matches:
        raise StackError(f"{pattern}: no such file or folder.")
    images = [path for path in matches if path.is_file() and _is_raster(path)]
    for folder in (path for path in matches if path.is_dir()):
        images += [path for path in sorted(_walk(folder)) if split_name(path)]
    if not images:
        raise StackError(f"{pattern}: {_what_else(Path(pattern), [])}")
    return images


def _of_one(path: Path) -> list[Path]:
    if not _is_raster(path):
        raise StackError(
            f"{path}: is no .tif and no .txt; expected a folder of GeoTIFFs, a glob, or a text "
            f"file with one path a line.{_jpeg_hint(path.suffix)}"
        )
    return [path]


def _once(paths: Sequence[Path]) -> tuple[list[Path], list[str]]:
    seen: dict[Path, Path] = {}
    notes = []
    for path in paths:
        first = seen.setdefault(path.resolve(), path)
        if first is not path:
            notes.append(f"{path} is listed more than once; read once.")
    return list(seen.values()), notes


def _what_else(folder: Path, rasters: Sequence[Path]) -> str:
    """Say what a folder without images holds instead."""
    below = sorted({str(path.parent.relative_to(folder)) for path in rasters})
    if below:
        others = f" and {len(below) - 3} more" if len(below) > 3 else ""
        return (
            f"holds no GeoTIFF itself, but its sub-folders {', '.join(below[:3])}{others} do. "
            f"Name the one that holds the images."
        )
    jpegs = any(folder.rglob("*.jp2")) if folder.is_dir() else folder.suffix == ".jp2"
    return f"found no .tif or .tiff.{_jpeg_hint('.jp2' if jpegs else '')}"


def _refuse_safe(folder: Path) -> None:
    products = [folder] if folder.suffix.upper() == ".SAFE" else sorted(folder.glob("*.SAFE"))
    if products:
        raise StackError(f"{products[0]}:{_jpeg_hint('.safe')}")


def _jpeg_hint(suffix: str) -> str:
    if suffix.lower() not in {".jp2", ".safe"}:
        return ""
    return (
        " .SAFE products and JPEG 2000 are not supported yet; convert each band to a GeoTIFF, "
        "such as gdal_translate T31UFQ_20180804T105022_B02_10m.jp2 T31UFQ_20180804T105022_B02.tif."
    )


def _is_raster(path: Path) -> bool:
    # A hidden file is one that some program is still writing.
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def _is_passed_over(folder: str) -> bool:
    return folder.startswith(".") or folder.lower() in NOT_IMAGES
