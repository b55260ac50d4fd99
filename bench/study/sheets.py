"""Sheets of dates: what every step says, and where the mask fails."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from kinds import mask_classes
from methods import MASK, Compared
from pictures import Panel, classes, draw_sheet, true_colour
from series import Series
from variants import Answer

DATES = (
    "2017-09-23",
    "2018-06-25",
    "2018-07-08",
    "2018-07-13",
    "2018-08-12",
    "2018-08-14",
    "2018-09-13",
    "2018-11-02",
)
"""Of flanders-2018: small clouds, broken clouds, a clear date with glint, thin cloud, haze, clouds
with shadows, a shadow that is missed, one shadow over all."""
SHARES = 4.0
"""Multiples of an even share of attention drawn as full."""


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A date on which something goes wrong."""

    series: str
    date: str
    what: str


FAILURES = (
    Failure(series="vosges-theia", date="2019-03-19", what="clear-cut\nbegins"),
    Failure(series="vosges-theia", date="2019-04-18", what="clear-cut,\nbare soil"),
    Failure(series="flanders-2018", date="2018-05-26", what="bare fields\nflagged"),
    Failure(series="flanders-2018", date="2018-07-18", what="beside\na cloud"),
    Failure(series="flanders-2018", date="2018-06-30", what="glinting\nroofs"),
    Failure(series="flanders-2018", date="2017-10-23", what="haze over\neverything"),
    Failure(series="flanders-2018", date="2018-05-24", what="haze or\nshadow"),
    Failure(series="flanders-2018", date="2018-02-05", what="faint\nshadow"),
    Failure(series="flanders-2018", date="2018-06-25", what="edges"),
    Failure(series="flanders-2018", date="2017-12-12", what="snow of\none date"),
    Failure(series="iberia-4band/0", date="2017-10-03", what='"good",\nflagged'),
)


def draw_steps(path: Path, compared: Compared) -> None:
    """Draw every step from the images to the classes, a column per date."""
    series, answers = compared.series, compared.answers
    places = [series.date(name) for name in DATES]
    mask = answers[MASK]
    raw, logit, drop = (
        answers[name].evidence[0]
        for name in ("raw attention", "attention logits", "attention drop")
    )
    kinds = mask_classes(mask)
    rows = {
        "true colour": [true_colour(series, t, series.names[t]) for t in places],
        "by eye": [classes(series.labels[t]) for t in places],
        # The scores are minus logarithms and minus standardised logits; shown is attention itself.
        "attention": [Panel(image=np.exp(-raw[t]), high=SHARES) for t in places],
        "logits": [Panel(image=-logit[t], low=-1.5, high=1.0) for t in places],
        "attention\ndrop": [Panel(image=drop[t], low=-0.2, high=1.0) for t in places],
        "P(cloud)": [Panel(image=mask.cloud[t]) for t in places],
        "P(cloud or\nshadow)": [Panel(image=mask.unusable[t]) for t in places],
        "classes": [classes(kinds[t]) for t in places],
    }
    draw_sheet(path, list(rows.items()))


def draw_failures(path: Path, compared: Mapping[str, Compared]) -> None:
    """Draw a row per failure."""
    kinds = {name: mask_classes(one.answers[MASK]) for name, one in compared.items()}
    rows = []
    for one in FAILURES:
        series, answer = compared[one.series].series, compared[one.series].answers[MASK]
        t = series.date(one.date)
        panels = [
            *_surroundings(series, answer, t),
            classes(series.labels[t], "reference"),
            Panel(image=answer.cloud[t], title="P(cloud)"),
            Panel(image=answer.unusable[t], title="P(unusable)"),
            classes(kinds[one.series][t], "classes"),
        ]
        rows.append((one.what, panels))
    draw_sheet(path, rows)


def _surroundings(series: Series, answer: Answer, t: int) -> list[Panel]:
    """The date between the nearest ones that the mask calls clear."""
    clear = np.flatnonzero(np.nanmean(answer.unusable >= 0.5, axis=(1, 2)) < 0.1)
    before = max((s for s in clear if s < t), default=None)
    after = min((s for s in clear if s > t), default=None)
    shown = [s for s in (before, t, after) if s is not None]
    return [true_colour(series, s, series.names[s]) for s in shown]
