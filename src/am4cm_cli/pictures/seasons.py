"""Attention over the year as a picture; needs matplotlib, so import this module on use."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from numpy.typing import NDArray

from am4cm_cli.pictures.charts import (
    SMALL,
    TEXT,
    frame,
    hatch,
    label_inches,
    name_rows,
    new_figure,
    short,
    to_png,
)
from am4cm_cli.pictures.sheet import INK, LINE
from am4cm_cli.reports.training import LONGEST_YEAR

COLOURS = "PuOr_r"
"""White is an even share; more is brown, less is purple."""
LEAST_RANGE, MOST_RANGE = 2.0, 16.0
"""The colours reach this many times an even share, and one of it, at least and at most."""
MONTHS = "JFMAMJJASOND"
COLUMNS = 4


def draw_rows(attention: NDArray[np.float64], names: Sequence[str]) -> bytes:
    """Draw (N, M) attention over the year, a named row each; NaN is left hatched."""
    figure = new_figure(label_inches(names) + 7.5, 0.26 * len(names) + 1.0)
    axes = figure.subplots()
    most = _reach(attention)
    _draw_year(axes, attention, most)
    name_rows(axes, names)
    _draw_scale(figure, [axes], most)
    return to_png(figure)


def draw_grid(attention: NDArray[np.float64], names: Sequence[str]) -> bytes:
    """Draw (K, H, M) attention over the year, a named panel each with a row per head."""
    columns = min(COLUMNS, len(names))
    rows = -(-len(names) // columns)
    height = 0.5 + max(0.08 * attention.shape[1], 0.5)
    figure = new_figure(2.7 * columns + 1.1, rows * height + 0.3)
    panels = list(figure.subplots(rows, columns, squeeze=False).flat)
    most = _reach(attention)
    for axes, part, name in zip(panels, attention, names, strict=False):
        _draw_year(axes, part, most)
        axes.set_yticks([])
        axes.set_title(short(name), loc="left", fontsize=SMALL, color=INK, pad=3, parse_math=False)
    for axes in panels[len(names) :]:
        axes.set_visible(False)
    _draw_scale(figure, panels, most)
    return to_png(figure)


def _draw_year(axes: Axes, attention: NDArray[np.float64], most: float) -> None:
    frame(axes)
    hatch(axes)
    # Attention of nothing at all has no logarithm: it takes the darkest colour.
    axes.imshow(
        np.maximum(attention, 1 / most), cmap=COLOURS, norm=LogNorm(1 / most, most), aspect="auto",
        interpolation="nearest", extent=(0, LONGEST_YEAR, len(attention) - 0.5, -0.5),
    )  # fmt: skip
    starts = _month_starts()
    axes.set_xticks(starts[1:-1], labels=[])
    axes.set_xticks((starts[1:] + starts[:-1]) / 2, labels=list(MONTHS), minor=True)
    axes.tick_params(axis="x", which="minor", length=0, labelsize=SMALL, labelcolor=INK)


def _month_starts() -> NDArray[np.float64]:
    """(13,) days from the start of a leap year to that of each month, and to its end."""
    months = np.arange("2020-01", "2021-02", dtype="datetime64[M]").astype("datetime64[D]")
    days: NDArray[np.float64] = (months - months[0]).astype(np.float64)
    return days


def _reach(attention: NDArray[np.float64]) -> float:
    """How many times an even share the colours reach, up and down; beyond lies the odd extreme."""
    known = attention[attention > 0]
    furthest = np.exp(np.percentile(np.abs(np.log(known)), 99)) if known.size else LEAST_RANGE
    return float(np.clip(furthest, LEAST_RANGE, MOST_RANGE))


def _draw_scale(figure: Figure, axes: Sequence[Axes], most: float) -> None:
    ticks = [1 / 16, 1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8, 16]
    labels = ["1/16", "1/8", "1/4", "1/2", "1", "2", "4", "8", "16"]
    scale = figure.colorbar(
        ScalarMappable(LogNorm(1 / most, most), COLOURS), ax=list(axes), fraction=0.03, pad=0.02
    )
    shown = [place for place, tick in enumerate(ticks) if 1 / most <= tick <= most]
    scale.set_ticks([ticks[place] for place in shown], labels=[labels[place] for place in shown])
    scale.ax.tick_params(labelsize=SMALL, length=2, color=LINE, labelcolor=INK)
    scale.ax.minorticks_off()
    scale.outline.set(edgecolor=LINE, linewidth=0.6)
    scale.set_label("times an even share", fontsize=TEXT, color=INK)
