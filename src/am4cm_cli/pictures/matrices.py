"""Confusion matrices and the class table; needs matplotlib, so import this module on use."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize, SymLogNorm
from numpy.typing import NDArray

from am4cm_cli.pictures.charts import (
    SMALL,
    TEXT,
    frame,
    hatch,
    label_inches,
    name_columns,
    name_rows,
    new_figure,
    to_png,
)
from am4cm_cli.pictures.sheet import GREY, INK, LINE
from am4cm_cli.reports.pages import CLASS_HEADS, class_rows
from am4cm_cli.reports.training import TrainingReport

COLOURS = "Blues"
BAR = "#cfe1f2"
CELL = 0.42
"""Inches a side."""
MOST_WRITTEN = 40
"""Classes; the cells of more are coloured, but not written in."""


def draw_counts(counts: NDArray[np.int64], names: Sequence[str]) -> bytes:
    """Draw (K, K) counts by true and predicted class, coloured by their logarithm."""
    norm = SymLogNorm(linthresh=1, vmin=0, vmax=max(int(counts.max()), 10))
    return _draw(counts.astype(np.float64), names, norm=norm, write=count_text, unit="series")


def draw_shares(shares: NDArray[np.float64], names: Sequence[str], *, of: str) -> bytes:
    """Draw (K, K) shares by true and predicted class, in percent; NaN is left hatched."""
    unit = f"percent of the {of} class"
    return _draw(shares, names, norm=Normalize(0, 1), write=percent_text, unit=unit)


def count_text(count: float) -> str:
    """At most four characters, nothing for none: 7, 950, 1.2k, 34k, 5.6M."""
    if count == 0:
        return ""
    units = iter("kMGTPE")
    unit = ""
    while count >= 999.5:
        count, unit = count / 1000, next(units)
    return f"{count:.1f}{unit}" if unit and count < 9.95 else f"{count:.0f}{unit}"


def percent_text(share: float) -> str:
    """Whole percent, nothing for none or not known, a dot for what would round to none."""
    if np.isnan(share) or share == 0:
        return ""
    text = f"{100 * share:.0f}"
    return text if text != "0" else "·"


def _draw(
    values: NDArray[np.float64],
    names: Sequence[str],
    *,
    norm: Normalize,
    write: Callable[[float], str],
    unit: str,
) -> bytes:
    side = max(3.0, CELL * len(names))
    margin = label_inches(names)
    figure = new_figure(side + margin + 0.4, side + margin + 0.4)
    axes = figure.subplots()
    frame(axes)
    hatch(axes)
    axes.imshow(values, cmap=COLOURS, norm=norm)
    name_rows(axes, names)
    name_columns(axes, names)
    axes.set_xlabel(f"predicted ({unit})", fontsize=TEXT, color=GREY)
    axes.set_ylabel("true", fontsize=TEXT, color=GREY)
    if len(names) <= MOST_WRITTEN:
        _write_cells(axes, values, norm=norm, write=write)
    return to_png(figure)


def _write_cells(
    axes: Axes, values: NDArray[np.float64], *, norm: Normalize, write: Callable[[float], str]
) -> None:
    # Hundreds of texts that lie inside anyhow would slow the layout down.
    style: Mapping[str, Any] = {
        "ha": "center",
        "va": "center",
        "fontsize": SMALL,
        "in_layout": False,
    }
    for (row, column), value in np.ndenumerate(values):
        text = write(value)
        colour = "white" if text and norm(value) > 0.6 else INK
        axes.text(column, row, text, color=colour, **style)


def draw_table(report: TrainingReport) -> bytes:
    """Draw the class table, each ratio on a bar of its length."""
    rows = class_rows(report)
    names = label_inches([score.name for score in report.class_scores])
    figure = new_figure(names + 5.6, 0.26 * len(rows) + 0.6)
    axes = figure.subplots()
    axes.set(xlim=(-0.1, 5), ylim=(len(rows) - 0.5, -1.1), xticks=[])
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, labelcolor=INK)
    name_rows(axes, [row[0] for row in rows])
    style: Mapping[str, Any] = {"va": "center_baseline", "fontsize": TEXT, "in_layout": False}
    for column, head in enumerate(CLASS_HEADS[1:]):
        axes.text(column + 0.8, -0.9, head, ha="right", color=GREY, **style)
        for line, row in enumerate(rows):
            axes.text(column + 0.8, line, row[column + 1], ha="right", color=INK, **style)
    _draw_bars(axes, report)
    axes.hlines(np.arange(len(rows)) - 0.5, -0.1, 5, color=LINE, linewidth=0.4)
    return to_png(figure)


def _draw_bars(axes: Axes, report: TrainingReport) -> None:
    ratios = np.nan_to_num([score.ratios for score in report.class_scores])
    for column, widths in enumerate(ratios.T):
        axes.barh(np.arange(len(ratios)), 0.8 * widths, left=column + 1.05, height=0.8, color=BAR)
