"""What a page says in words: how it was made, what it shows, and what it leaves out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from am4cm_cli import __version__
from am4cm_cli.rasters.masks import MaskFile
from am4cm_cli.reports.evaluation import COLUMNS
from am4cm_cli.reports.inspection import calibration_report
from am4cm_cli.stacks.grids import crs_name, pixel_size
from am4cm_cli.stacks.stack import Grid
from am4cm_cli.validation.evaluating import Evaluation
from am4cm_cli.validation.facts import Board, DateRow, Row
from am4cm_cli.viewer.census import Census
from am4cm_cli.viewer.dates import Sources
from am4cm_cli.viewer.view import View

TAGS = {
    "AM4CM_VERSION": "Made by am4cm",
    "AM4CM_METHOD": "Method",
    "AM4CM_TARGET": "Probability of",
    "AM4CM_WEIGHTS": "Weights",
    "AM4CM_WEIGHTS_SHA256": "SHA-256 of the weights",
    "AM4CM_BANDS": "Bands",
    "AM4CM_LEVEL": "Level of the images",
}
MEASURES = {name: key for name, key in COLUMNS.items() if name != "AP"}
SCORE_HEADS = ("Choice", "Method", *MEASURES)
WORST_HEADS = ("Date", "Wrong", "False alarms", "Missed", "Clear", "Flagged")
WORST = 10
"""Dates that are named."""
CLEAR = 0.1
"""Share of masked pixels below which a date counts as clear in the summary."""


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """What the user named, as it was typed."""

    images: str | None = None
    classes: str | None = None
    reference: str | None = None


def subtitle(mask: MaskFile) -> str:
    """Dates, grid and target on one line."""
    height, width = mask.grid.shape
    count = len(mask.names)
    return " · ".join(
        [
            f"{count} {'date' if count == 1 else 'dates'}, {mask.names[0]} to {mask.names[-1]}",
            f"{width} × {height} pixels of {_size(mask.grid)}",
            crs_name(mask.grid),
        ]
    )


def made_of(mask: MaskFile, inputs: Inputs) -> dict[str, str]:
    """What was run, with which weights, and what the page was made of."""
    told = {name: mask.tags[tag] for tag, name in TAGS.items() if tag in mask.tags}
    calibration = calibration_report(mask)
    more = {
        "Calibration": calibration.line if calibration else None,
        "Mask": str(mask.path),
        "Images": inputs.images,
        "Classes": inputs.classes,
        "Reference": inputs.reference,
        "Report by am4cm": __version__,
    }
    return told | {name: text for name, text in more.items() if text is not None}


def summary(census: Census, dates: int) -> dict[str, str]:
    """A few numbers of the whole mask."""
    valid, masked = int(census.valid.sum()), int(census.masked.sum())
    seen = census.valid > 0
    clear = int((census.cloud_share[seen] < CLEAR).sum())
    return {
        "masked, of all that was observed": _percent(masked, valid),
        f"dates less than {100 * CLEAR:.0f} % masked, of {dates}": str(clear),
        "longest gap anywhere": f"{int(census.longest_gap.max()):,} days" if valid else "–",
        "of the observed pixels always masked": _percent(census.never_clear, census.observed),
    }


def view_notes(view: View, sources: Sources) -> list[str]:
    """Tell what was thinned, and how."""
    notes = [
        _picture_note(view),
        _series_note(view),
        "Cloud shares and maps are counted from every pixel of the mask, masked from 50 % on. A "
        "pixel of a map that stands for several shows the worst of them.",
        "A gap runs from one clear observation to the next; the first and the last date of the "
        "series end one, too.",
    ]
    if sources.images is not None:
        notes += _image_notes(view, sources.images.shown)
    if sources.mask.full == 1:
        notes.append("Probabilities are shown in whole percent.")
    return notes


def score_rows(board: Board) -> list[tuple[str, ...]]:
    """A row per choice and method under SCORE_HEADS."""
    own = board.rows[0].method
    return [(row.choice, row.method, *_values(row, row.method == own)) for row in board.rows]


def worst_rows(board: Board) -> list[tuple[str, ...]]:
    """The dates with most wrong pixels, under WORST_HEADS."""
    scored = [row for row in board.dates if row.wrong > 0]
    worst = sorted(scored, key=lambda row: -(row.false_alarms + row.missed))[:WORST]
    return [
        (row.date, f"{100 * row.wrong:.1f} %", *map("{:,}".format, _counts(row))) for row in worst
    ]


def score_caption(found: Evaluation, board: Board) -> str:
    """What the scores are of."""
    return (
        f"{board.target.capitalize()} against clear at 50 %, by {found.reference} read as "
        f"{found.kind}, on {len(found.dates)} dates; in brackets 95 % intervals over dates."
    )


def _picture_note(view: View) -> str:
    full = f"{view.grid_shape[1]} × {view.grid_shape[0]}"
    if view.is_whole:
        return f"Pictures show every pixel of the {full}."
    return (
        f"Pictures have {view.shape[1]} × {view.shape[0]} pixels for the mask's {full}, from "
        "overviews where files have them: probabilities are then means over such a pixel, so "
        "details are lost and edges are soft. The mask itself has them all."
    )


def _series_note(view: View) -> str:
    if (len(view.rows), len(view.columns)) == view.shape:
        return "Every pixel of a picture has its series."
    lattice = f"{len(view.columns)} × {len(view.rows)}"
    return (
        f"Series are kept of {lattice} of these pixels, spread evenly; a click finds the nearest."
    )


def _image_notes(view: View, shown: Sequence[str]) -> list[str]:
    bands = ", ".join(dict.fromkeys(shown))
    return [
        "All dates are brightened alike, by the clear ground of the clearest dates; false colour "
        "shows near infrared, red and green as red, green and blue. Grey was not observed."
        + ("" if view.lossless else " Pictures are JPEG, so colours are near, not exact."),
        f"The clear-sky estimate of {bands} is what the counterfactual method compares each date "
        "with: the other dates near it in time, as far as attention trusts them, of the pixel "
        "alone. Reflectance is kept in steps of 0.001.",
    ]


def _values(row: Row, is_mask: bool) -> list[str]:
    """Its MEASURES; F1 of the mask with its interval."""
    told = []
    for key in MEASURES.values():
        found = row.values[key]
        shown = "–" if found.value != found.value else f"{found.value:.3f}"
        between = f" ({found.low:.3f}–{found.high:.3f})" if is_mask and key == "f1" else ""
        told.append(shown + between)
    return told


def _counts(row: DateRow) -> tuple[int, ...]:
    return row.false_alarms, row.missed, row.clear, row.flagged


def _percent(part: int, whole: int) -> str:
    """One digit, and more where that would be 0 and is not."""
    if not whole:
        return "–"
    share = 100 * part / whole
    return f"{share:.1f} %" if share >= 0.05 or not part else f"{share:.1g} %"


def _size(grid: Grid) -> str:
    """Of a pixel, with its unit as far as the CRS tells."""
    across, down = pixel_size(grid)
    sides = f"{across:.6g}" if np.isclose(across, down) else f"{across:.6g} × {down:.6g}"
    if not grid.crs:
        return sides
    if grid.crs.is_geographic:
        return f"{sides}°"
    return f"{sides} m" if grid.crs.linear_units in {"metre", "meter"} else sides
