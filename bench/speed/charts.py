"""Scaling, and the distance to the limits."""

from collections.abc import Mapping, Sequence
from math import isqrt
from typing import Any

import numpy as np
from bench.speed.found import Curve, Turns
from bench.speed.tables import copy_limit, digits
from matplotlib.axes import Axes

from am4cm_cli.pictures.charts import SMALL, frame, new_figure, to_png

# Okabe and Ito's colours, which stay apart for the colour-blind.
LINES = {"decode": ("#999999", "decoding alone"), "mask": ("#0072b2", "am4cm mask")}
LABELS = {
    "copy": "a copy of the numbers in memory",
    "decode": "decoding the files",
    "arrays": "am4cm on arrays",
    "mask": "am4cm mask, from files to file",
    "network": "its network on arrays",
    "ukis_30m": "ukis-csmask at 30 m on arrays",
    "ukis": "ukis-csmask on arrays",
    "s2cloudless": "s2cloudless on arrays",
}
LIMITS = ("copy", "decode")


def draw_scaling(curves: Mapping[str, Curve]) -> bytes:
    """Rates along every axis, medians and all turns."""
    figure = new_figure(2.6 * len(curves) + 0.6, 2.8)
    for place, (axis, curve) in enumerate(curves.items(), start=1):
        axes = figure.add_subplot(1, len(curves), place)
        for name, (colour, label) in LINES.items():
            _draw_line(axes, curve.values, curve.rates[name], colour, label)
        axes.set_xscale("log", base=2)
        axes.set_xticks(curve.values, labels=_labels(axis, curve.values))
        axes.set_xlabel(axis, fontsize=SMALL)
        axes.set_ylim(bottom=0)
        axes.tick_params(which="minor", length=0)
        axes.tick_params(labelsize=SMALL)
        frame(axes)
    figure.axes[0].set_ylabel("million pixel-dates a second", fontsize=SMALL)
    figure.axes[0].legend(fontsize=SMALL, frameon=False)
    return to_png(figure)


def _draw_line(
    axes: Axes,
    values: Sequence[int],
    rates: Sequence[Sequence[float]],
    colour: str,
    label: str,
) -> None:
    medians = [np.median(turns) / 1e6 for turns in rates]
    axes.plot(values, medians, "-", color=colour, label=label)
    for value, turns in zip(values, rates, strict=True):
        axes.plot([value] * len(turns), np.divide(turns, 1e6), "o", color=colour, markersize=3)


def _labels(axis: str, values: Sequence[int]) -> list[str]:
    return [f"{isqrt(value)}²" if axis == "pixels" else str(value) for value in values]


def draw_limits(turns: Turns) -> bytes:
    """Every rate on one logarithmic axis, the limits in grey."""
    rates = {"copy": copy_limit(turns), **{name: one.rates for name, one in turns.timed.items()}}
    names = [name for name in LABELS if name in rates][::-1]
    figure = new_figure(7, 0.34 * len(names) + 0.8)
    axes = figure.add_subplot()
    middle = [float(np.median(rates[name])) for name in names]
    colours = ["#999999" if name in LIMITS else "#0072b2" for name in names]
    axes.barh(range(len(names)), middle, color=colours, height=0.7)
    axes.set_xscale("log")
    axes.set_xlim(min(middle) / 3, max(middle) * 6)
    axes.set_yticks(range(len(names)), labels=[LABELS[name] for name in names], fontsize=SMALL)
    for place, rate in enumerate(middle):
        where: dict[str, Any] = {"xytext": (3, -3), "textcoords": "offset points"}
        axes.annotate(f"{digits(rate / 1e6)} M", (rate, place), fontsize=SMALL, **where)
    axes.set_xlabel("pixel-dates a second", fontsize=SMALL)
    axes.tick_params(labelsize=SMALL)
    frame(axes)
    return to_png(figure)
