"""Sentinel-2's own products, `.SAFE`: where they begin."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from am4cm_cli.errors import StackError
from am4cm_cli.stacks.archives import names_in
from am4cm_cli.stacks.locations import is_virtual, stem, zip_and_member

SUFFIX = ".safe"
DEPTH = 6
"""Folders between a product and its images, at most."""

_METADATA = re.compile(r"MTD_MSIL(1C|2A)\.xml|S2[A-D]_(?:OPER|USER)_MTD_SAFL(1C|2A)_.+\.xml")
_IMAGE = re.compile(r"(?:L2A_)?T\d\d[A-Z]{3}_\d{8}T\d{6}_|S2[A-D]_(?:OPER|USER)_MSI_L")


@dataclass(frozen=True, kw_only=True)
class Home:
    """A product's folder, which may be one inside a zip."""

    folder: Path
    metadata: str
    """Name of the file that tells of the product."""

    @property
    def label(self) -> str:
        """The product's name, without .SAFE; its zip's where it has no folder in there."""
        packed = zip_and_member(self.folder)
        name = packed[0].stem if packed and not packed[1] else self.folder.name
        return name[: -len(SUFFIX)] if name.lower().endswith(SUFFIX) else name


def find_homes(paths: Iterable[Path]) -> dict[Path, Home]:
    """Find the products that images named as Sentinel-2's own lie in.

    Returns:
        By image; those that lie in none are left out.

    Raises:
        StackError: a .SAFE folder is without metadata.
    """
    homes: dict[Path, Home | None] = {}
    found = {}
    for path in paths:
        if not _IMAGE.match(stem(path)):
            continue
        if path.parent not in homes:
            homes[path.parent] = _find_home(path)
        if home := homes[path.parent]:
            found[path] = home
    return found


def _find_home(path: Path) -> Home | None:
    for folder in list(path.parents)[:DEPTH]:
        if not _is_place(folder):
            return None
        metadata = next(filter(_METADATA.fullmatch, sorted(names_in(folder))), None)
        if metadata:
            return Home(folder=folder, metadata=metadata)
        if folder.suffix.lower() == SUFFIX:
            raise StackError(
                f"{folder}: has no MTD_MSIL1C.xml or MTD_MSIL2A.xml, which tells how its numbers "
                f"become reflectance; expected a whole product. Fetch it again."
            )
    return None


def _is_place(folder: Path) -> bool:
    """Whether a folder's names can be listed: it is one of this machine, or inside its zips."""
    return zip_and_member(folder) is not None if is_virtual(folder) else folder.is_dir()
