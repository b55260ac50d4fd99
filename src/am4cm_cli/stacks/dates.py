"""When an image was taken: from its name, its DateTime tag or a table of dates."""

import csv
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from am4cm_cli.errors import StackError

_DATE = re.compile(
    r"(?<!\d)((?:19|20)\d\d)([-_.]?)(\d\d)\2(\d\d)"
    r"(?:[T_ -]?(\d\d)[:.-]?(\d\d)[:.-]?(\d\d))?(?!\d)"
)

_OF_IMAGES = {".tif", ".tiff", ".jp2", ".vrt", ".safe", ".zip"}


@dataclass(frozen=True, kw_only=True)
class Moment:
    """When a scene was acquired, in UTC."""

    time: datetime
    has_clock: bool
    """False where only the date is known; `time` is then midnight."""


def find_moment(text: str) -> Moment | None:
    """Return the first possible date of a name, with its time of day if that follows.

    Reads `20180804`, `2018-01-06`, `2018_01_06`, `20180804T105022` and `20180408-104539-942`;
    an impossible date such as `20181332` is passed over.
    """
    return next(_moments(text), None)


def read_tag(text: str | None) -> Moment | None:
    """Return the moment in a TIFF's DateTime tag, `2017:08:04 10:53:28`; None if it has none."""
    try:
        time = datetime.strptime(text or "", "%Y:%m:%d %H:%M:%S")
    except ValueError:
        return None
    return Moment(time=time, has_clock=True)


def refine(moment: Moment, tag: Moment | None) -> Moment:
    """Take the time of day from the tag where it is not known and the tag has the same date."""
    if moment.has_clock or tag is None or tag.time.date() != moment.time.date():
        return moment
    return tag


def read_dates(path: Path, *, known: Collection[str] = ()) -> list[tuple[str, Moment]]:
    """Read a CSV of two columns, a file's name or path and its ISO date, with or without header.

    Args:
        path: of the table.
        known: names of images; a first row that begins with one is no header.

    Returns:
        What the first column says and the moment in the second, row by row.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise StackError(f"{path}: cannot be read as a table of dates ({error}).") from error
    rows = [row for row in csv.reader(text.splitlines()) if any(cell.strip() for cell in row)]
    return [_read_row(path, number, row) for number, row in _without_header(rows, known)]


def _moments(text: str) -> Iterator[Moment]:
    found = _DATE.search(text)
    while found:
        moment = _moment(found)
        if moment:
            yield moment
        found = _DATE.search(text, found.start() + 1)


def _moment(found: re.Match[str]) -> Moment | None:
    year, _, month, day, *clock = found.groups()
    try:
        date = datetime(int(year), int(month), int(day))
    except ValueError:
        return None
    if clock[0] is None:
        return Moment(time=date, has_clock=False)
    try:
        time = date.replace(hour=int(clock[0]), minute=int(clock[1]), second=int(clock[2]))
    except ValueError:
        # Six digits after a date are often a tile or an orbit, not a time of day.
        return Moment(time=date, has_clock=False)
    return Moment(time=time, has_clock=True)


def _without_header(rows: list[list[str]], known: Collection[str]) -> list[tuple[int, list[str]]]:
    numbered = list(enumerate(rows, start=1))
    return numbered[1:] if rows and _is_header(rows[0], known) else numbered


def _is_header(row: list[str], known: Collection[str]) -> bool:
    name = row[0].strip()
    # A row of an image whose date is misspelt must be an error, not be passed over.
    is_image = name in known or Path(name).suffix.lower() in _OF_IMAGES or find_moment(name)
    return not is_image and len(row) >= 2 and find_moment(row[1]) is None


def _read_row(path: Path, number: int, row: list[str]) -> tuple[str, Moment]:
    moment = find_moment(row[1]) if len(row) == 2 else None
    if moment is None:
        raise StackError(
            f"{path}: row {number} is {','.join(row)!r}; expected two columns, a file name and an "
            f"ISO date, such as 'scene.tif,2018-08-04'."
        )
    return row[0].strip(), moment
