"""PASTIS from its Zenodo record to a folder that `am4cm prepare` reads."""

from dataclasses import dataclass, field
from pathlib import Path

from am4cm_cli.datasets.pastis.layout import METADATA
from am4cm_cli.downloads.archive import unpack_zip
from am4cm_cli.downloads.editions import EDITIONS, Edition, count_patches, missing_files
from am4cm_cli.downloads.meter import Meter, unseen
from am4cm_cli.downloads.owned import own_folder
from am4cm_cli.downloads.records import RemoteFile, pick_zip, read_record
from am4cm_cli.downloads.transfer import fetch_file, part_path
from am4cm_cli.downloads.web import DownloadError, Patience, UnreachableError
from am4cm_cli.space import check_space

UNPACKED = 1.3
"""Room to have for each byte of the zip: 2,433 patches of some 45 dates are 36 GB as arrays, and
the zip has 29 GB. What it takes exactly is known, and checked, once the zip is there."""


@dataclass(frozen=True, kw_only=True)
class DownloadConfig:
    """What to fetch, and how."""

    edition: str = "pastis"
    """A key of EDITIONS."""
    record: str | None = None
    """URL or path of a record; None for the edition's own."""
    keep_zip: bool = False
    patience: Patience = field(default_factory=Patience)


@dataclass(frozen=True, kw_only=True)
class DownloadSummary:
    """What came of it."""

    patches: int
    written: int
    """Files; those that were there already are not among them."""
    fetched: bool
    """False if the folder was complete before anything was asked for."""


def download_pastis(
    folder: Path, config: DownloadConfig, *, meter: Meter = unseen
) -> DownloadSummary:
    """Fetch, check and unpack PASTIS; go on where an earlier run stopped, in whatever step.

    Args:
        folder: is made if it is not there; must be empty, or what an earlier run or a person
            left of PASTIS.
        config: what to fetch.
        meter: follows the bytes.

    Raises:
        DownloadError: it cannot be had, or is not what it should be.
        OutputError: the folder is of something else, in use, or on a full disk.
    """
    edition = EDITIONS[config.edition]
    if patches := count_patches(folder, edition):
        return DownloadSummary(patches=patches, written=0, fetched=False)
    zip_path = folder / edition.archive
    with own_folder(folder, archive=edition.archive):
        _fetch(zip_path, edition, config, meter)
        # Its metadata come last, so that a folder that has them is whole.
        written = unpack_zip(zip_path, folder, last=METADATA, meter=meter)
        patches = count_patches(folder, edition)
        if not patches:
            raise DownloadError(_incomplete(zip_path, edition))
        _tidy(zip_path, keep_zip=config.keep_zip)
    return DownloadSummary(patches=patches, written=written, fetched=True)


def _fetch(zip_path: Path, edition: Edition, config: DownloadConfig, meter: Meter) -> None:
    source = config.record or edition.record
    try:
        remote = pick_zip(read_record(source, patience=config.patience), edition.archive, source)
        _check_room(zip_path, remote)
        fetch_file(remote, zip_path, patience=config.patience, meter=meter)
    except UnreachableError as error:
        raise UnreachableError(
            f"{error} By hand: save {edition.page}/files/{edition.archive} as {zip_path} and "
            f"{edition.record} as a file for --record, then give the same command; or unpack the "
            "zip yourself, and am4cm prepare reads the folder."
        ) from error


def _check_room(zip_path: Path, remote: RemoteFile) -> None:
    paths = zip_path, part_path(zip_path, remote)
    there = sum(path.stat().st_size for path in paths if path.exists())
    if there < remote.size:  # otherwise the zip itself tells how much is to come
        needed = remote.size * (1 + UNPACKED) - there
        check_space(zip_path.parent, needed, f"for {remote.name} and what is in it")


def _incomplete(zip_path: Path, edition: Edition) -> str:
    missing = list(missing_files(zip_path.parent, edition))
    more = f" and {len(missing) - 3} more" * (len(missing) > 3)
    return (
        f"{zip_path}: unpacked, but {', '.join(missing[:3])}{more} were not in it; expected a "
        "PASTIS folder. The zip is kept; give another --record."
    )


def _tidy(zip_path: Path, *, keep_zip: bool) -> None:
    for part in zip_path.parent.glob(f"{zip_path.name}.*.part"):
        part.unlink()  # of versions that the record no longer has
    if not keep_zip:
        zip_path.unlink()
