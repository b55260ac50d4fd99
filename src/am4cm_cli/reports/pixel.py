"""One pixel's series in words and as a table."""

import csv
from collections.abc import Sequence
from io import StringIO
from typing import Any

import numpy as np

from am4cm_cli.classes import CLASS_NAMES, CLEAR, UNKNOWN
from am4cm_cli.explaining import PixelSeries

MOST_NAMED = 8
"""Dates in one sentence."""


def describe_series(series: PixelSeries) -> list[str]:
    """Tell what was seen, and which dates are not clear, a sentence per class."""
    flagged = (series.classes != CLEAR) & (series.classes != UNKNOWN)
    told = [
        f"Column {series.place.column}, row {series.place.row}: {series.valid.sum()} of "
        f"{len(series.scenes)} dates observed, {flagged.sum()} of them not clear."
    ]
    for number, name in CLASS_NAMES.items():
        dates = [
            scene
            for scene, kind in zip(series.scenes, series.classes, strict=True)
            if kind == number
        ]
        if number != CLEAR and dates:
            told.append(f"{name.capitalize()}: {_list(dates)}.")
    lonely = [series.scenes[t] for t in np.flatnonzero(series.valid & ~series.answered)]
    if lonely:
        told.append(f"No date near enough to compare with: {_list(lonely)}.")
    return told


def series_csv(series: PixelSeries) -> str:
    """A row per date; empty for what was not observed or has no answer."""
    columns = _columns(series)
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_cell(value) for value in row] for row in zip(*columns.values(), strict=True))
    return text.getvalue()


def _columns(series: PixelSeries) -> dict[str, Sequence[Any]]:
    """Values by the name of their column, each (T,)."""
    evidence = series.evidence
    shown = [series.bands[place] for place in series.parts]
    heads = len(series.attention)
    return {
        "date": series.scenes,
        "valid": series.valid.astype(int),
        "class": [CLASS_NAMES.get(int(number), "") for number in series.classes],
        "cloud": series.cloud,
        "unusable": series.unusable,
        "clear_nearby": [None if count == UNKNOWN else count for count in series.clear_nearby],
        **dict(zip(series.bands, series.reflectance, strict=True)),
        **{f"{band}_clear_sky": line for band, line in zip(shown, evidence.clear_sky, strict=True)},
        "attention_drop": evidence.drop,
        "cloud_score": evidence.cloud,
        "shadow_score": evidence.shadow,
        "attention": series.attention.mean(0),
        **{f"attention_head_{head + 1}": series.attention[head] for head in range(heads)},
    }


def _cell(value: Any) -> Any:
    """A number as short as a float32 is exact, or nothing."""
    if isinstance(value, np.floating):
        return "" if np.isnan(value) else f"{value:.7g}"
    return value


def _list(names: Sequence[str]) -> str:
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
