"""The contact sheet as a drawing; needs matplotlib, so import this module on use."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from am4cm_cli.pictures.panels import Panel
from am4cm_cli.pictures.tones import brighten, span

INK, GREY, LINE, NODATA = "#1a1a1a", "#6b6b6b", "#b0b0b0", "#d0d0d0"
COLOURS = "cividis"
"""Even to the eye, also where it does not see colours."""
NARROWEST = 5.5
"""Inches, for the header and the legend."""
LONGEST_NAME = 19
DPI = 150
COLUMNS = 6


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Where things lie on the sheet, in inches from its upper left."""

    columns: int
    rows: int
    panel: tuple[float, float]
    """(width, height)"""
    margin: float = 0.35
    header: float = 0.85
    footer: float = 0.8
    caption: float = 0.3
    gap: float = 0.14
    seam: float = 0.04
    """Between the two panels of a date."""

    @property
    def size(self) -> tuple[float, float]:
        """(width, height) of the sheet."""
        width = self.columns * (self.panel[0] + self.gap) - self.gap + 2 * self.margin
        return max(width, NARROWEST), self.header + self.rows * self._row_height + self.footer

    def panel_box(self, place: int, half: int) -> tuple[float, float, float, float]:
        """Box of a date's panel; half 0 is the upper."""
        row, column = divmod(place, self.columns)
        left = self.margin + column * (self.panel[0] + self.gap)
        top = self.header + row * self._row_height + self.caption
        return self.box(left, top + half * (self.panel[1] + self.seam), *self.panel)

    def box(
        self, left: float, top: float, width: float, height: float
    ) -> tuple[float, float, float, float]:
        """(left, bottom, width, height) in shares of the sheet, as matplotlib wants it."""
        across, down = self.size
        return left / across, 1 - (top + height) / down, width / across, height / down

    @property
    def _row_height(self) -> float:
        return self.caption + 2 * self.panel[1] + self.seam + self.gap


def save_sheet(panels: Sequence[Panel], path: Path, *, title: str, source: str) -> None:
    """Draw each date's colours above its probability, and write a PNG.

    All dates are brightened alike: from the darkest to the brightest hundredth of the clear ground.
    """
    height, width = panels[0].probability.shape
    columns = min(COLUMNS, len(panels))
    # Very long or wide rasters are squeezed into what a sheet can hold.
    panel = (1.85, 1.85 * float(np.clip(height / width, 0.3, 3)))
    layout = Layout(columns=columns, rows=-(-len(panels) // columns), panel=panel)
    # The object interface alone: pyplot keeps state, and may look for a screen.
    figure = Figure(figsize=layout.size, facecolor="white")
    FigureCanvasAgg(figure)
    _write_header(figure, layout, title, source)
    _draw_panels(figure, layout, panels)
    _draw_legend(figure, layout)
    figure.savefig(path, format="png", dpi=DPI)


def stretch(panels: Sequence[Panel]) -> tuple[float, float]:
    """Reflectance to draw as black and as white, for all panels and colours alike."""
    clear = [panel.colour[panel.probability < 0.5] for panel in panels]
    return span(np.concatenate(clear))


def _write_header(figure: Figure, layout: Layout, title: str, source: str) -> None:
    across, down = layout.size
    left = layout.margin / across
    figure.text(left, 1 - 0.36 / down, title, fontsize=15, weight="bold", color=INK, va="center")
    figure.text(left, 1 - 0.64 / down, source, fontsize=9, color=GREY, va="center")


def _draw_panels(figure: Figure, layout: Layout, panels: Sequence[Panel]) -> None:
    black, white = stretch(panels)
    for place, panel in enumerate(panels):
        bright = brighten(panel.colour, black, white)
        upper = _axes(figure, layout.panel_box(place, 0))
        upper.imshow(_transparent(bright, ~np.isnan(panel.colour[..., 0])), aspect="auto")
        _caption(upper, panel)
        lower = _axes(figure, layout.panel_box(place, 1))
        colours = mpl.colormaps[COLOURS](np.nan_to_num(panel.probability))[..., :3]
        lower.imshow(_transparent(colours, ~np.isnan(panel.probability)), aspect="auto")


def _draw_legend(figure: Figure, layout: Layout) -> None:
    left, top = layout.margin, layout.size[1] - layout.footer + 0.22
    bar = figure.add_axes(layout.box(left, top, 2.4, 0.14))
    scale = figure.colorbar(ScalarMappable(cmap=COLOURS), cax=bar, orientation="horizontal")
    scale.set_ticks([0, 0.25, 0.5, 0.75, 1], labels=["0", "25", "50", "75", "100"])
    scale.outline.set(edgecolor=LINE, linewidth=0.6)
    bar.tick_params(labelsize=8.5, length=2, color=GREY, labelcolor=INK)
    bar.text(1.05, 0.5, "%", fontsize=8.5, va="center", color=INK, transform=bar.transAxes)
    patch = _axes(figure, layout.box(left + 3.5, top, 0.3, 0.14))
    patch.text(1.3, 0.5, "no data", fontsize=8.5, va="center", color=INK, transform=patch.transAxes)


def _axes(figure: Figure, box: tuple[float, float, float, float]) -> Axes:
    """Axes without ticks, hatched where nothing is drawn on them."""
    axes = figure.add_axes(box)
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set(edgecolor=LINE, linewidth=0.6)
    ground = Rectangle(
        (0, 0),
        1,
        1,
        transform=axes.transAxes,
        facecolor="white",
        edgecolor=NODATA,
        hatch="//////",
        linewidth=0,
        zorder=-1,
    )
    axes.add_patch(ground)
    return axes


def _transparent(colours: NDArray[np.floating], shown: NDArray[np.bool_]) -> NDArray[np.float32]:
    """(Y, X, 4) of (Y, X, 3) colours, see-through where not shown."""
    return np.dstack([np.nan_to_num(colours), shown]).astype(np.float32)


def _caption(axes: Axes, panel: Panel) -> None:
    """Date at the left, share flagged at the right; its word gives way to a time of day."""
    is_long = len(panel.name) > len("2018-08-04")
    name = panel.name if len(panel.name) <= LONGEST_NAME else f"{panel.name[: LONGEST_NAME - 1]}…"
    cloudy = panel.probability[~np.isnan(panel.probability)] >= 0.5
    share = f"{100 * cloudy.mean():.0f} %{'' if is_long else ' flagged'}" if cloudy.size else ""
    size = 8.5 if is_long else 9.5
    axes.set_title(name, loc="left", fontsize=size, pad=4, color=INK)
    axes.set_title(share, loc="right", fontsize=size, pad=4, color=GREY)
