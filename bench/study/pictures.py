"""Images of dates, answers and labels, as panels of a sheet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.patches import Patch
from numpy.typing import NDArray
from series import Series

from am4cm_cli.classes import CLASS_COLOURS, CLASS_NAMES, CLEAR, SHADOW, SNOW, THICK, THIN, UNKNOWN

mpl.use("Agg")
plt.rcParams.update({"font.size": 8, "font.family": "DejaVu Sans"})

DPI = 110
SIDE = 1.0
"""Inches along a panel."""
COLOURS = {**CLASS_COLOURS, SNOW: "#e7298a", UNKNOWN: "#f0e442"}
NAMES = {**CLASS_NAMES, SNOW: "snow", UNKNOWN: "not known"}
WHITE = {"dark": 0.1, "ordinary": 0.25, "bright": 1.0}
"""Reflectance drawn as white."""
DARK, BRIGHT = 0.09, 0.25
"""A date is dark where nine tenths of its visible reflectance lie below, bright where half lies
above."""


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One image of a sheet."""

    image: NDArray[np.floating]
    """(Y, X) or (Y, X, 3)."""
    title: str = ""
    low: float = 0.0
    high: float = 1.0
    is_classes: bool = False


def true_colour(series: Series, date: int, title: str = "") -> Panel:
    """One scale for all, but for dates that are dark or bright all over."""
    bands = [series.bands.index(band) for band in ("B04", "B03", "B02")]
    colour = series.reflectance[date][bands].transpose(1, 2, 0)
    kind = "dark" if np.quantile(colour, 0.9) < DARK else "ordinary"
    kind = "bright" if np.median(colour) > BRIGHT else kind
    return Panel(image=np.clip(colour / WHITE[kind], 0, 1) ** 0.8, title=title)


def classes(labels: NDArray[np.uint8], title: str = "") -> Panel:
    """Of `am4cm_cli.classes`."""
    return Panel(image=labels, title=title, is_classes=True)


def draw_sheet(path: Path, rows: Sequence[tuple[str, Sequence[Panel]]]) -> None:
    """Draw rows of panels with the name of each at its left."""
    across = max(len(panels) for _, panels in rows)
    size = 1.15 + SIDE * 1.06 * across, SIDE * 1.2 * len(rows) + 0.35
    figure, axes = plt.subplots(
        len(rows), across, figsize=size, squeeze=False, layout="constrained"
    )
    for (name, panels), line in zip(rows, axes, strict=True):
        for axis in line[len(panels) :]:
            axis.axis("off")
        for panel, axis in zip(panels, line, strict=False):
            _show(axis, panel)
        line[0].text(-0.08, 0.5, name, transform=line[0].transAxes, ha="right", va="center")
    figure.legend(handles=_legend(), loc="outside lower center", ncols=6, frameon=False)
    save(figure, path)


def save(figure: plt.Figure, path: Path) -> None:
    """Write a figure whose bytes depend on nothing but what it shows."""
    figure.savefig(path, dpi=DPI, metadata={"Software": None})
    plt.close(figure)


def _show(axis: Axes, panel: Panel) -> None:
    if panel.is_classes:
        kinds = list(COLOURS)
        norm = BoundaryNorm(np.arange(len(kinds) + 1) - 0.5, len(kinds))
        places = np.searchsorted(kinds, panel.image)
        colours = ListedColormap([COLOURS[kind] for kind in kinds])
        axis.imshow(places, cmap=colours, norm=norm, interpolation="nearest")
    else:
        colours = mpl.colormaps["cividis"].with_extremes(bad="#dddddd")
        axis.imshow(
            panel.image, cmap=colours, vmin=panel.low, vmax=panel.high, interpolation="nearest"
        )
    axis.set(xticks=[], yticks=[])
    axis.set_title(panel.title, fontsize=8, pad=2)


def _legend() -> list[Patch]:
    shown = (CLEAR, THICK, THIN, SHADOW, SNOW, UNKNOWN)
    return [Patch(facecolor=COLOURS[k], edgecolor="#888888", label=NAMES[k]) for k in shown]
