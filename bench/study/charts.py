"""Curves, histograms and the heat map of the heads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from heads import KINDS, Heads
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from measuring import ALL, MIXED, chosen
from methods import MASK, PLAIN, Compared
from pictures import save
from scipy.stats import exponnorm, norm
from variants import Answer

from am4cm_cli.calibration import Mixture
from am4cm_cli.classes import CLEAR, SHADOW, THICK, THIN
from am4cm_cli.validation.curves import curves
from am4cm_cli.validation.measures import reliability

# Okabe and Ito's colours, which stay apart for the colour-blind.
LINES = ("#999999", "#56b4e9", "#e69f00", "#0072b2", "#d55e00", "#000000")
STYLES = ("-", "--", "-.", "-", "--", ":")
TITLES = {"cloud": "cloud", "unusable": "cloud or shadow"}
DATES = {ALL: "all dates", MIXED: "mixed dates"}
KINDS_DRAWN = {"clear": CLEAR, "thick cloud": THICK, "thin cloud": THIN, "shadow": SHADOW}
KIND_COLOURS = ("#009e73", "#000000", "#56b4e9", "#d55e00")
FALSE_ALARMS = 0.2
TICKS = (0, 0.05, 0.1, 0.15, 0.2)


def draw_curves(path: Path, compared: Compared) -> None:
    """ROC curves by target and choice of dates."""
    figure, axes = plt.subplots(2, 2, figsize=(7, 6.4), layout="constrained")
    for (target, title), line in zip(TITLES.items(), axes, strict=True):
        tallies = compared.tallies(target)
        for (choice, dates), axis in zip(DATES.items(), line, strict=True):
            for (name, found), colour, style in zip(tallies.items(), LINES, STYLES, strict=True):
                drawn = curves(chosen(found, target, choice))
                label = "B02 alone" if name == PLAIN else name.strip("*").split(":")[0]
                axis.plot(drawn.false_alarm, drawn.recall, style, color=colour, label=label)
            axis.set(xlim=(0, FALSE_ALARMS), ylim=(0.6, 1), title=f"{title}, {dates}")
            axis.set(xlabel="clear pixels flagged", ylabel="found", xticks=TICKS)
            axis.grid(alpha=0.3)
    axes[0, 0].legend(fontsize=7, loc="lower right")
    save(figure, path)


def draw_reliability(path: Path, compared: Compared) -> None:
    """Promised against found shares, with the pixels of each bin."""
    figure, axes = plt.subplots(1, 2, figsize=(7, 3.4), layout="constrained")
    for (target, title), axis in zip(TITLES.items(), axes, strict=True):
        found = reliability(chosen(compared.tallies(target)[MASK], target, ALL))
        axis.plot([0, 1], [0, 1], ":", color="#999999")
        axis.plot(found["promised"], found["found"], "o-", color=LINES[3])
        for x, y, pixels in zip(*found.values(), strict=True):
            axis.annotate(f"{pixels / 1000:.1f}k", (x, y), (4, -10), textcoords="offset points")
        axis.set(xlim=(-0.03, 1.25), ylim=(-0.12, 1.05), title=title)
        axis.set(xlabel="probability", ylabel="share by eye")
        axis.grid(alpha=0.3)
    save(figure, path)


def draw_histogram(path: Path, compared: Compared) -> None:
    """Drops and joined scores by class by eye, with the mixture fitted without them."""
    figure, axes = plt.subplots(1, 2, figsize=(7, 3.4), layout="constrained")
    single, joint = compared.answers["attention drop"], compared.answers[MASK]
    labels = compared.series.labels
    _histogram(axes[0], single, labels, np.linspace(-0.4, 1.6, 101), "attention drop")
    _histogram(axes[1], joint, labels, np.linspace(-6, 40, 139), "drop + blue, in spreads")
    axes[0].legend(fontsize=7)
    save(figure, path)


def draw_heads(path: Path, heads: Heads) -> None:
    """Areas, season and date of every head beside its weights."""
    sized = {"width_ratios": (1.5, 1.3), "hspace": 0}
    figure, axes = plt.subplots(1, 2, figsize=(8.4, 5), gridspec_kw=sized, layout="constrained")
    order = np.argsort(-heads.flanders[:-1, 1])
    columns = [*(f"{kind},\nreal" for kind in KINDS), *(f"{kind},\nsimulated" for kind in KINDS)]
    values = np.concatenate([heads.flanders, heads.simulated], axis=1)
    # All heads together stand last; their season and date are not drawn.
    rows = [*order, len(order)]
    more = np.append(np.stack([heads.season, heads.date], axis=1), [[np.nan, np.nan]], axis=0)
    table = np.concatenate([values, more], axis=1)[rows]
    scaled = np.concatenate([values, 0.5 + more / 2], axis=1)[rows]
    axes[0].imshow(scaled, cmap="PuOr", vmin=0, vmax=1, aspect="auto")
    for (row, column), value in np.ndenumerate(table):
        dark = abs(scaled[row, column] - 0.5) > 0.35
        colour = "white" if dark else "black"
        text = "" if np.isnan(value) else f"{value:.2f}"
        axes[0].text(column, row, text, ha="center", va="center", color=colour, fontsize=7)
    names = [*columns, "season\n(R²)", "date's\nown (sd)"]
    axes[0].set_xticks(range(len(names)), names, rotation=60, ha="right", fontsize=7)
    axes[0].set_yticks(range(len(rows)), [*(f"head {h + 1}" for h in order), "all heads"])
    _lines(axes[1], heads, order)
    save(figure, path)


def _lines(axis: Axes, heads: Heads, order: np.ndarray) -> None:
    """Weights by band, a line per head, the best at thin cloud darkest."""
    shades = plt.get_cmap("cividis")(np.linspace(0, 0.95, len(order)))
    for head, shade in zip(order, shades, strict=True):
        axis.plot(heads.weights[head], color=shade, lw=1.2)
    axis.plot(heads.weights.mean(axis=0), color="#d55e00", lw=3, label="mean of heads")
    axis.axhline(0, color="#999999", lw=0.8)
    axis.set_xticks(range(len(heads.bands)), heads.bands, fontsize=7, rotation=60)
    axis.set(title="logit per spread; dark: best at thin cloud")
    axis.legend(fontsize=7)


def _histogram(
    axis: Axes, answer: Answer, labels: np.ndarray, edges: np.ndarray, title: str
) -> None:
    known = ~np.isnan(answer.scores)
    total = known.sum()
    wide = np.diff(edges)
    for (name, kind), colour in zip(KINDS_DRAWN.items(), KIND_COLOURS, strict=True):
        counts, _ = np.histogram(answer.scores[known & (labels == kind)], edges)
        axis.stairs(counts / total / wide, edges, color=colour, label=name)
    middle = (edges[1:] + edges[:-1]) / 2
    clear, cloud = densities(middle, answer.mixture)
    axis.plot(middle, clear, "--", color="#999999", label="fitted, clear")
    axis.plot(middle, cloud, ":", color="#999999", label="fitted, cloud")
    top = max(clear.max(), cloud.max()) * 2
    axis.set(yscale="log", ylim=(top / 5000, top), xlabel=title, ylabel="density")


def densities(scores: np.ndarray, mixture: Mixture) -> tuple[np.ndarray, np.ndarray]:
    """Densities of clear and cloudy scores, each times its share."""
    mean, sd, scale = mixture.clear_mean, mixture.clear_sd, mixture.cloud_scale
    clear = norm.pdf(scores, mean, sd) * (1 - mixture.cloud_share)
    return clear, exponnorm.pdf(scores, scale / sd, mean, sd) * mixture.cloud_share
