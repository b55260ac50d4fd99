"""One pixel's series as a drawing; needs matplotlib, so import this module on use."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator
from numpy.typing import NDArray

from am4cm_cli.classes import CLASS_COLOURS, CLASS_NAMES, SHADOW, UNKNOWN
from am4cm_cli.explaining import PixelSeries
from am4cm_cli.pictures.charts import SMALL, TEXT, frame, hatch, new_figure, to_png
from am4cm_cli.pictures.sheet import GREY, INK, LINE
from am4cm_cli.places import Place

COLOURS = {"cloud": "#0072b2", "cloud or shadow": "#d55e00", "shadow": "#d55e00"}
"""Told apart also by those who do not see colours (Okabe and Ito 2008)."""
HEADS = "PuOr_r"
"""White is an even share; more is brown, less is purple."""
MOST_SHARE = 8
"""Colours reach this many times an even share, and one of it."""
WIDEST = 3.0
"""Days to either side that a date's attention is drawn over, where no other date is nearer; in
series of several years a share of all their time."""
MOST_CELLS = 160
LOWEST = -0.002
"""Reflectance: dots at 0 stay whole."""
PARTS = "blue", "NIR", "SWIR"
CLEAR_SPREADS = 4
"""Scores are drawn evenly up to here, and by their logarithm beyond."""
PANEL = 1.0
"""Inches; a row of the attention takes less."""
HEAD_INCHES = 0.12
FEWEST_NAMED = 8
"""More heads than this are too close for a name each."""
MARGIN_DAYS = 6.0


def draw_series(series: PixelSeries) -> bytes:
    """Draw reflectance, evidence, attention and probability under one another, as PNG."""
    heads = HEAD_INCHES * (len(series.attention) + 4)
    heights = [1.3 * PANEL] * 3 + [PANEL, 1.4 * PANEL, heads, PANEL, 0.8 * PANEL]
    figure = new_figure(10.5, sum(heights) + 1.4)
    panels = figure.subplots(len(heights), 1, sharex=True, height_ratios=heights)
    for part, axes in enumerate(panels[:3]):
        _draw_reflectance(axes, series, part)
    drop, scores, attention, probability, count = panels[3:]
    _draw_drop(drop, series)
    _draw_scores(scores, series)
    _draw_attention(attention, series)
    _draw_probability(probability, series)
    _draw_count(count, series)
    _mark_time(count, series.days)
    _head(panels[0], series)
    return to_png(figure)


def _draw_reflectance(axes: Axes, series: PixelSeries, part: int) -> None:
    band = series.parts[part]
    name = series.bands[band]
    _panel(axes, f"{name}\n({PARTS[part]})")
    sky, seen = series.evidence.clear_sky[part], series.reflectance[band]
    known = np.isfinite(sky)
    axes.plot(
        series.days[known], sky[known], "x-", zorder=1, label="clear-sky estimate",
        color=GREY, linewidth=0.8, markersize=3, markeredgewidth=0.7,
    )  # fmt: skip
    _scatter(axes, series, seen)
    # By the root: the ground's own course shows beside clouds ten times as bright.
    axes.set_yscale("function", functions=(_root, _square))
    axes.yaxis.set_major_locator(FixedLocator([0, 0.05, 0.15, 0.4, 0.8, 1.6]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_ylim(min(LOWEST, 1.5 * float(np.nanmin(seen))))


def _draw_drop(axes: Axes, series: PixelSeries) -> None:
    _panel(axes, "attention\ndrop")
    _rule(axes, 0)
    _scatter(axes, series, series.evidence.drop)


def _draw_scores(axes: Axes, series: PixelSeries) -> None:
    _panel(axes, "score, in\nspreads of\nclear dates")
    _rule(axes, 0)
    axes.set_yscale("symlog", linthresh=CLEAR_SPREADS, linscale=1.5)
    _draw_dots(axes, series, {"cloud": series.evidence.cloud, "shadow": series.evidence.shadow})
    axes.yaxis.set_major_locator(FixedLocator([-100, -20, -4, 0, 4, 20, 100]))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _draw_attention(axes: Axes, series: PixelSeries) -> None:
    """A row per head, and under them their mean."""
    _panel(axes, "attention\nby head", grid=False)
    hatch(axes)
    heads = len(series.attention)
    # Attention of nothing at all has no logarithm: it takes the darkest colour.
    shares = np.maximum(series.shares, 1 / MOST_SHARE)
    norm = LogNorm(1 / MOST_SHARE, MOST_SHARE)
    for rows, values in (
        (np.arange(heads + 1), shares),
        (np.array([heads + 1, heads + 3]), shares.mean(0)[None]),
    ):
        _draw_cells(axes, series, rows, values, norm)
    named = range(heads) if heads <= FEWEST_NAMED else (0, heads - 1)
    ticks = {head + 0.5: str(head + 1) for head in named} | {heads + 2: "mean"}
    axes.set_yticks(list(ticks), labels=list(ticks.values()), fontsize=SMALL)
    axes.set_ylim(heads + 3, 0)
    _draw_scale(axes, norm)


def _draw_cells(
    axes: Axes,
    series: PixelSeries,
    rows: NDArray[np.integer],
    values: NDArray[np.float32],
    norm: LogNorm,
) -> None:
    """A cell from each valid date about halfway to the next."""
    days = series.days[series.valid]
    widest = max(WIDEST, float(np.ptp(series.days)) / MOST_CELLS)
    half = np.minimum(np.diff(days) / 2, widest)
    edges = np.stack([days - np.append(widest, half), days + np.append(half, widest)], axis=1)
    # What lies between two dates is a cell, too, but a transparent one.
    cells = np.full((len(values), 2 * len(days) - 1), np.nan, np.float32)
    cells[:, ::2] = values[:, series.valid]
    axes.pcolormesh(edges.ravel(), rows, cells, norm=norm, cmap=HEADS)


def _draw_probability(axes: Axes, series: PixelSeries) -> None:
    _panel(axes, "probability\n(%)")
    _rule(axes, 50, "--")
    shown = {"cloud or shadow": 100 * series.unusable, "cloud": 100 * series.cloud}
    _draw_dots(axes, series, shown)
    axes.set_yticks([0, 50, 100])
    axes.set_ylim(-6, 106)


def _draw_count(axes: Axes, series: PixelSeries) -> None:
    _panel(axes, "clear dates\nnearby")
    known = series.clear_nearby != UNKNOWN
    axes.vlines(series.days[known], 0, series.clear_nearby[known], color=GREY, linewidth=1.4)
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.set_ylim(0, max(1.0, 1.1 * float(series.clear_nearby[known].max(initial=0))))


def _scatter(axes: Axes, series: PixelSeries, values: NDArray[np.float32]) -> None:
    """Dots in the colours of their class; what has no answer is a plus."""
    for number, name in CLASS_NAMES.items():
        chosen = series.classes == number
        axes.scatter(
            series.days[chosen], values[chosen], s=18, marker="v" if number == SHADOW else "o",
            color=CLASS_COLOURS[number], edgecolor=INK, linewidth=0.5, zorder=2, label=name,
        )  # fmt: skip
    lonely = series.valid & ~series.answered
    if lonely.any():
        days, alone = series.days[lonely], values[lonely]
        axes.scatter(days, alone, s=24, marker="+", color=INK, linewidth=0.8, label="no answer")


def _draw_dots(axes: Axes, series: PixelSeries, lines: Mapping[str, NDArray[np.float32]]) -> None:
    """A dot per date and line, the later ones smaller and on top; their names stand at the side."""
    for place, (label, values) in enumerate(lines.items()):
        size = 4.5 - 2 * place
        axes.plot(series.days, values, "o", color=COLOURS[label], markersize=size, label=label)
    axes.legend(
        fontsize=SMALL, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5), handlelength=0.8
    )


def _draw_scale(axes: Axes, norm: LogNorm) -> None:
    side = axes.inset_axes((1.012, 0.05, 0.012, 0.9))
    figure = axes.figure
    assert figure is not None
    bar = figure.colorbar(ScalarMappable(norm, HEADS), cax=side)
    bar.set_ticks([1 / 8, 1 / 2, 1, 2, 8], labels=["1/8", "1/2", "1", "2", "8"])
    side.minorticks_off()
    side.tick_params(labelsize=SMALL, length=2, color=LINE, labelcolor=INK)
    bar.outline.set(edgecolor=LINE, linewidth=0.6)
    bar.set_label("times an\neven share", fontsize=SMALL, color=INK)


def _panel(axes: Axes, name: str, *, grid: bool = True) -> None:
    frame(axes)
    axes.set_ylabel(name, fontsize=TEXT, color=INK, rotation=0, ha="right", va="center")
    axes.tick_params(labelsize=SMALL)
    if grid:
        axes.grid(color=LINE, linewidth=0.4, alpha=0.6)
        axes.set_axisbelow(True)


def _root(values: NDArray[np.float64]) -> NDArray[np.float64]:
    root: NDArray[np.float64] = np.sign(values) * np.sqrt(np.abs(values))
    return root


def _square(values: NDArray[np.float64]) -> NDArray[np.float64]:
    square: NDArray[np.float64] = np.sign(values) * np.square(values)
    return square


def _rule(axes: Axes, value: float, style: str = "-") -> None:
    axes.axhline(value, color=GREY, linewidth=0.8, linestyle=style, zorder=0)


def _mark_time(axes: Axes, days: NDArray[np.float64]) -> None:
    """Days since 1970-01-01 are matplotlib's own dates."""
    locator = AutoDateLocator(minticks=6, maxticks=14)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    axes.set_xlim(days.min() - MARGIN_DAYS, days.max() + MARGIN_DAYS)


def _head(axes: Axes, series: PixelSeries) -> None:
    """What is shown, and what the colours mean, above the first panel."""
    place = series.place
    axes.annotate(
        f"Column {place.column}, row {place.row}: {series.valid.sum()} of {len(series.scenes)} "
        "dates observed", (0, 1), (0, 42), xycoords="axes fraction", textcoords="offset points",
        fontsize=13, weight="bold", color=INK,
    )  # fmt: skip
    axes.annotate(
        f"{_where(place)} · weights {series.weights}", (0, 1), (0, 26), xycoords="axes fraction",
        textcoords="offset points", fontsize=TEXT, color=GREY, parse_math=False,
    )  # fmt: skip
    axes.legend(
        fontsize=SMALL, frameon=False, loc="lower left", bbox_to_anchor=(-0.01, 0.98), ncols=6,
        handletextpad=0.3, columnspacing=1.2,
    )  # fmt: skip


def _where(place: Place) -> str:
    """Coordinates to find the pixel by elsewhere."""
    there = f"{place.crs} {place.x:.8g}, {place.y:.8g}"
    if place.lonlat is None:
        return there
    lon, lat = place.lonlat
    return f"{there} · {abs(lat):.5f} {'NS'[lat < 0]}, {abs(lon):.5f} {'EW'[lon < 0]}"
