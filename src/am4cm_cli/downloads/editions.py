"""The published forms of PASTIS, and what a folder lacks to be one of them.

Garnot and Landrieu 2021, https://zenodo.org/records/5012942; with radar images Garnot and others
2022, https://zenodo.org/records/5735646.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from am4cm_cli.datasets.pastis.layout import METADATA, images_name, target_name
from am4cm_cli.datasets.pastis.metadata import read_metadata


@dataclass(frozen=True, kw_only=True)
class Edition:
    """A published form of PASTIS."""

    archive: str
    """Name of its zip."""
    number: int
    """Of its Zenodo record."""
    extra: tuple[str, ...] = ()
    """Folders with a file for each patch, besides those of Sentinel-2."""

    @property
    def record(self) -> str:
        """URL of the record for programmes."""
        return f"https://zenodo.org/api/records/{self.number}"

    @property
    def page(self) -> str:
        """URL of the record for people."""
        return f"https://zenodo.org/records/{self.number}"


EDITIONS = {
    "pastis": Edition(archive="PASTIS.zip", number=5012942),
    "pastis-r": Edition(archive="PASTIS-R.zip", number=5735646, extra=("DATA_S1A", "DATA_S1D")),
}


def count_patches(folder: Path, edition: Edition) -> int:
    """Count the patches of a complete folder; 0 for any other."""
    complete = not any(missing_files(folder, edition))
    return len(read_metadata(folder).patches) if complete else 0


def missing_files(folder: Path, edition: Edition) -> Iterator[str]:
    """Yield what a folder lacks to be an edition of PASTIS; only names are looked at."""
    patches = read_metadata(folder).patches
    if not patches:
        yield METADATA
    for patch in patches:
        for name in (images_name(patch.number), target_name(patch.number)):
            if not (folder / name).is_file():
                yield name
    for extra in edition.extra:
        lacking = len(patches) - sum(1 for _ in (folder / extra).glob("*.npy"))
        if lacking > 0:
            yield f"{lacking} files in {extra}"
