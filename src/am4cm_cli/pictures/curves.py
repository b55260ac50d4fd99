"""Curves of a training over its epochs; needs matplotlib, so import this module on use."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from am4cm_cli.pictures.charts import TEXT, frame, new_figure, to_png
from am4cm_cli.pictures.sheet import INK, LINE
from am4cm_cli.training.history import Epoch

COLOURS = "#0072b2", "#d55e00"
"""Told apart also by those who do not see colours (Okabe and Ito 2008)."""


def draw_curves(epochs: Sequence[Epoch]) -> bytes:
    """Draw loss, validation scores, learning rate and speed, one panel each."""
    panels: Mapping[str, Mapping[str, str]] = {
        "Loss": {"training": "train_loss", "validation": "validation_loss"},
        "Validation scores": {
            "overall accuracy": "validation_accuracy",
            "mean IoU": "validation_mean_iou",
        },
        "Learning rate": {"": "learning_rate"},
        "Series per second": {"": "series_per_second"},
    }
    figure = new_figure(9, 6)
    for axes, (title, lines) in zip(figure.subplots(2, 2).flat, panels.items(), strict=True):
        frame(axes)
        axes.set_title(title, loc="left", fontsize=11, color=INK)
        _draw_lines(axes, epochs, lines)
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    # From 0, or chance would look like a change of speed.
    axes.set_ylim(0, 1.1 * axes.get_ylim()[1])
    return to_png(figure)


def _draw_lines(axes: Axes, epochs: Sequence[Epoch], lines: Mapping[str, str]) -> None:
    numbers = [epoch.epoch for epoch in epochs]
    for colour, (label, name) in zip(COLOURS, lines.items(), strict=False):
        values = np.array([getattr(epoch, name) for epoch in epochs], dtype=float)
        if np.isfinite(values).any():
            axes.plot(numbers, values, ".-", color=colour, label=label, linewidth=1.4)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1, steps=[1, 2, 5, 10]))
    axes.set_xlabel("Epoch", fontsize=TEXT, color=INK)
    axes.tick_params(labelsize=TEXT)
    axes.grid(color=LINE, linewidth=0.4, alpha=0.6)
    if len(lines) > 1 and axes.lines:
        axes.legend(fontsize=TEXT, frameon=False)
