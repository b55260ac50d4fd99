"""Which image files a user means by a folder, a glob, a list, an archive or a URL."""

import glob
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from am4cm_cli.errors import StackError
from am4cm_cli.sensors import band_name
from am4cm_cli.stacks.archives import list_zip
from am4cm_cli.stacks.dates import Moment, read_dates
from am4cm_cli.stacks.locations import in_zip, is_virtual, located, stem, zip_and_member

SUFFIXES = {".tif", ".tiff", ".jp2", ".vrt"}
VIEW = ".vrt"
"""Of rasters that show others."""
NOT_IMAGES = {"masks", "qi_data"}
"""Folders inside products that hold masks and quality layers, in lower case."""

_PRODUCT_ZIP = re.compile(r"S2[A-D]_(?:MSI|OPER|USER).*|SENTINEL2[A-D]_.*|.*\.SAFE", re.IGNORECASE)
"""Names of zips that a folder is searched for; others are read if they are named themselves."""
_PRODUCT_FOLDER = re.compile(r"S2[A-D]_.*\.SAFE", re.IGNORECASE)
_BAND_AT_END = re.compile(
    r"(?:(?P<scene>.*?)(?:_(?P<kind>[SF]RE))?[_. -])?"
    r"(?P<band>B(?:0?[1-9]|1[0-2]|8A))(?:[_-](?P<metres>[126]0)m)?(?:[_ ]\(Raw\))?",
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

    @property
    def rank(self) -> tuple[bool, int, int]:
        """Of several files of one band the lowest counts: FRE, finer ones, GeoTIFF, JPEG 2000."""
        order = (".jp2", VIEW)
        suffix = self.path.suffix.lower()
        return not self.is_flat, self.metres, 1 + order.index(suffix) if suffix in order else 0


def split_name(path: Path) -> BandOfScene | None:
    """Tell scene from band in `..._20180804_B02.tif`, `..._B02_10m.tif` or `..._FRE_B2.tif`."""
    name = stem(path)
    found = _BAND_AT_END.fullmatch(name)
    band = band_name(found["band"]) if found else None
    if not found or not band or name.startswith("MSK_"):
        return None
    return BandOfScene(
        path=path,
        scene=found["scene"] or path.parent.name,
        band=band,
        is_flat=(found["kind"] or "").upper() == "FRE",
        metres=int(found["metres"] or 0),
    )


@dataclass(frozen=True, kw_only=True)
class Listing:
    """Images that a user means."""

    paths: list[Path]
    """Each once."""
    notes: list[str]
    dates: dict[str, Moment] = field(default_factory=dict)
    """By what a list calls an image, a product or a zip."""


def list_images(source: str | Path) -> Listing:
    """List the rasters of a folder, glob, list, zip or URL, or one raster.

    A folder is searched with its sub-folders, and with the zips of products in it, for files with
    a band in their names; where there are none, every raster directly in it is an image. So it is
    with the files of a glob or list.
    """
    path = located(source)
    dates: dict[str, Moment] = {}
    if is_virtual(path):
        listed = _of_one(path)
    elif path.is_dir():
        listed = _in_folder(path / "images" if any(_walk(path / "images")) else path)
    elif path.suffix.lower() == ".txt":
        listed = _in_list(path)
    elif path.suffix.lower() == ".csv":
        listed, dates = _in_table(path)
    elif path.exists():
        listed = _of_one(path)
    else:
        listed = _in_glob(str(source))
    paths, notes = _once(listed)
    return Listing(paths=paths, notes=notes, dates=dates)


def _in_folder(folder: Path) -> list[Path]:
    found = sorted(_walk(folder))
    _check_products(folder, found)
    images = [path for path in found if split_name(path) or path.parent == folder]
    if not images:
        raise StackError(f"{folder}: {_what_else(folder, found)}")
    originals = [path for path in images if path.suffix.lower() != VIEW]
    return originals or images


def _check_products(folder: Path, images: Sequence[Path]) -> None:
    """A product that lacks its images must not be left out without a word."""
    full = {parent for path in images for parent in path.parents}
    for root, folders, _ in os.walk(folder):
        products = [Path(root, name) for name in folders if _PRODUCT_FOLDER.fullmatch(name)]
        folders[:] = [name for name in folders if not _PRODUCT_FOLDER.fullmatch(name)]
        for product in products:
            if product not in full:
                raise StackError(
                    f"{product}: holds no image of a band; expected a whole product. Fetch it "
                    f"again, or remove it."
                )


def _walk(folder: Path) -> Iterable[Path]:
    for root, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not _is_passed_over(name)]
        yield from (Path(root, name) for name in names if _is_raster(Path(name)))
        for name in filter(_is_product_zip, names):
            yield from _in_archive(Path(root, name))


def _in_archive(archive: Path, inside: str = "") -> list[Path]:
    """Images in a zip, or in a folder of it."""
    places = [PurePosixPath(name) for name in sorted(list_zip(archive))]
    return [
        in_zip(archive, str(place))
        for place in places
        if place.is_relative_to(inside)
        and _is_raster(Path(place))
        and not any(map(_is_passed_over, place.parts[:-1]))
    ]


def _in_list(path: Path) -> list[Path]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise StackError(f"{path}: cannot be read as a list of paths ({error}).") from error
    named = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    if not named:
        raise StackError(f"{path}: names no file; expected one path a line.")
    return [image for name in named for image in _expand(_existing(name, path))]


def _in_table(path: Path) -> tuple[list[Path], dict[str, Moment]]:
    rows = [(_existing(name, path), moment) for name, moment in read_dates(path)]
    if not rows:
        raise StackError(f"{path}: names no file; expected a line 'path,date' for each.")
    dates: dict[str, Moment] = {}
    for place, moment in rows:
        if dates.setdefault(str(place), moment) != moment:
            raise StackError(
                f"{path}: {place} has two dates; expected one row for each image. Remove one."
            )
    return [image for place, _ in rows for image in _expand(place)], dates


def _existing(name: str, listing: Path) -> Path:
    path = located(name)
    if is_virtual(path):
        return path
    # As `ls images/*.tif > list.txt` writes them, else as a list kept beside its images.
    for candidate in (path, listing.parent / path):
        if candidate.exists():
            return candidate
    raise StackError(f"{path}: named in {listing}, but there is no such file.")


def _in_glob(pattern: str) -> list[Path]:
    matches = [Path(match) for match in sorted(glob.glob(pattern, recursive=True))]  # noqa: PTH207
    if not matches:
        raise StackError(f"{pattern}: no such file or folder.")
    places = [path for path in matches if path.is_dir() or _is_raster(path) or _is_zip(path)]
    images = [image for path in places for image in _expand(path)]
    if not images:
        raise StackError(f"{pattern}: {_what_else(Path(pattern), [])}")
    return images


def _expand(place: Path) -> list[Path]:
    """Images of a place in a list or glob: of a folder or zip those with a band in their names."""
    if is_virtual(place):
        return _of_one(place)
    if place.is_dir():
        return [path for path in sorted(_walk(place)) if split_name(path)]
    return _of_one(place)


def _of_one(path: Path) -> list[Path]:
    found = zip_and_member(path) or ((path, "") if _is_zip(path) else None)
    if found and not _is_raster(Path(found[1])):
        images = _in_archive(*found)
        if not images:
            raise StackError(f"{path}: holds no GeoTIFF and no JPEG 2000; expected images.")
        return images
    if not is_virtual(path) and not _is_raster(path):
        raise StackError(
            f"{path}: is no raster, list or zip by its name; expected a folder of images, a glob, "
            f"a text file with one path a line, a .csv of paths and dates, a .zip, or a raster "
            f"({', '.join(sorted(SUFFIXES))})."
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
    own = [path for path in rasters if not is_virtual(path)]
    below = sorted({str(path.parent.relative_to(folder)) for path in own})
    if below:
        others = f" and {len(below) - 3} more" if len(below) > 3 else ""
        return (
            f"holds no image itself, but its sub-folders {', '.join(below[:3])}{others} do. "
            f"Name the one that holds the images."
        )
    zips = sorted(folder.glob("*.zip")) if folder.is_dir() else []
    hint = f" Name {zips[0].name} or the others to have zips read." if zips else ""
    return f"found no .tif, .tiff, .jp2, .vrt and no product in it.{hint}"


def _is_raster(path: Path) -> bool:
    # A hidden file is one that some program is still writing.
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def _is_zip(path: Path) -> bool:
    return path.suffix.lower() == ".zip" and path.is_file()


def _is_product_zip(name: str) -> bool:
    return name.lower().endswith(".zip") and bool(_PRODUCT_ZIP.fullmatch(name[:-4]))


def _is_passed_over(folder: str) -> bool:
    return folder.startswith(".") or folder.lower() in NOT_IMAGES
