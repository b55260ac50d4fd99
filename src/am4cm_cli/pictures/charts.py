"""What all charts share; needs matplotlib, so import this module on use."""

import warnings
from collections.abc import Sequence
from io import BytesIO

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from am4cm_cli.pictures.sheet import DPI, INK, LINE, NODATA

LONGEST_NAME = 34
SMALL, TEXT = 8.0, 9.0
"""Points."""
MARGIN = 0.1
"""Inches."""


def new_figure(width: float, height: float) -> Figure:
    """Make a white figure of so many inches that finds room for its own labels."""
    # The object interface alone: pyplot keeps state, and may look for a screen.
    figure = Figure(figsize=(width, height), facecolor="white")
    figure.set_layout_engine("constrained", w_pad=MARGIN, h_pad=MARGIN)
    FigureCanvasAgg(figure)
    return figure


def to_png(figure: Figure) -> bytes:
    """Draw a figure; the same figure gives the same bytes."""
    stream = BytesIO()
    with warnings.catch_warnings():
        # A name in a script that the font lacks shows as boxes here, and in full on the page.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(stream, format="png", dpi=DPI)
    return stream.getvalue()


def short(name: str) -> str:
    """A name on one line, cut where it is very long."""
    line = " ".join(name.split())
    return line if len(line) <= LONGEST_NAME else f"{line[: LONGEST_NAME - 1]}…"


def name_rows(axes: Axes, names: Sequence[str], *, size: float = TEXT) -> None:
    """Label the rows of an image."""
    # A class may well be named "$": no mathematics.
    axes.set_yticks(
        range(len(names)), labels=[short(name) for name in names], fontsize=size, parse_math=False
    )


def name_columns(axes: Axes, names: Sequence[str], *, size: float = TEXT) -> None:
    """Label the columns of an image, upwards."""
    labels = [short(name) for name in names]
    axes.set_xticks(range(len(names)), labels=labels, rotation=90, fontsize=size, parse_math=False)


def frame(axes: Axes) -> None:
    """Thin grey lines around, short ticks, dark text."""
    axes.spines[:].set(edgecolor=LINE, linewidth=0.6)
    axes.tick_params(length=2, color=LINE, labelcolor=INK)


def hatch(axes: Axes) -> None:
    """Hatch the ground, which shows where an image is NaN."""
    ground = Rectangle((0, 0), 1, 1, transform=axes.transAxes, zorder=-1, linewidth=0)
    ground.set(facecolor="white", edgecolor=NODATA, hatch="//////")
    axes.add_patch(ground)


def label_inches(names: Sequence[str]) -> float:
    """About what the longest name takes at TEXT size."""
    return 0.085 * max(len(short(name)) for name in names) + 0.2
