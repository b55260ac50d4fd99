"""Cloud shares as a table, a row for each date and zone."""

import csv
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from io import StringIO
from math import isnan
from pathlib import Path
from typing import Any

from am4cm_cli.errors import MissingExtraError, OutputError
from am4cm_cli.exporting.shares import Tally
from am4cm_cli.files import appear, write_text

COLUMNS = ("date", "zone", "pixels", "observed", "cloudy", "share", "mean_probability")
SHARE_DIGITS, MEAN_DIGITS = 6, 4
"""Further digits of a mean of percents differ between processors."""
SUFFIXES = (".csv", ".parquet")


def check_table(path: Path) -> None:
    """Make sure that a table can be written, before any work is spent.

    Raises:
        OutputError: the name is of another kind.
        MissingExtraError: pyarrow is not installed.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise OutputError(
            f"{path}: tables are CSV or Parquet; expected a name in .csv or .parquet."
        )
    if path.suffix.lower() == ".parquet" and find_spec("pyarrow") is None:
        raise MissingExtraError(
            f"{path}: Parquet needs pyarrow, which is not installed: "
            'pip install "am4cm[vector]". Or write a .csv.'
        )


def write_table(
    path: Path, dates: Sequence[str], zones: Sequence[str], tallies: Sequence[Tally]
) -> None:
    """Write COLUMNS, in the order of zones, then dates.

    Args:
        path: of the table, CSV or Parquet by its name.
        dates: of the mask's bands.
        zones: by name.
        tallies: one for each zone; what has no observation has no share.
    """
    rows = list(_rows(dates, zones, tallies))
    if path.suffix.lower() == ".csv":
        text = StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerows([COLUMNS, *rows])
        write_text(path, text.getvalue())
        return
    from pyarrow import schema, table
    from pyarrow.parquet import write_table as write_parquet

    kinds = ("string", "string", "int64", "int64", "int64", "float64", "float64")
    columns = list(zip(*rows, strict=True))
    named = dict(zip(COLUMNS, columns, strict=True))
    whole = table(named, schema=schema(list(zip(COLUMNS, kinds, strict=True))))
    with appear(path) as part:
        write_parquet(whole, part)


def _rows(
    dates: Sequence[str], zones: Sequence[str], tallies: Sequence[Tally]
) -> Iterator[tuple[Any, ...]]:
    for zone, tally in zip(zones, tallies, strict=True):
        columns = (tally.observed, tally.cloudy, tally.share, tally.mean)
        numbers = zip(*(column.tolist() for column in columns), strict=True)
        for date, (observed, cloudy, share, mean) in zip(dates, numbers, strict=True):
            shares = _known(share, SHARE_DIGITS), _known(mean, MEAN_DIGITS)
            yield date, zone, tally.pixels, observed, cloudy, *shares


def _known(share: float, digits: int) -> float | None:
    return None if isnan(share) else round(share, digits)
