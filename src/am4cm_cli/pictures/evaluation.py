"""Curves of a mask and its rivals; needs matplotlib, so import this module on use."""

from collections.abc import Sequence

from matplotlib.axes import Axes

from am4cm_cli.pictures.charts import TEXT, frame, new_figure, to_png
from am4cm_cli.pictures.sheet import INK, LINE
from am4cm_cli.validation.evaluating import Evaluation
from am4cm_cli.validation.facts import Board, Drawn

COLOURS = "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"
"""Told apart also by those who do not see colours (Okabe and Ito 2008)."""
HARD = 2
"""Scores of no more values than this are drawn as a point."""


def draw_evaluation(found: Evaluation) -> bytes:
    """Draw ROC, precision-recall and reliability curves, a row per target, as PNG."""
    boards = found.boards
    figure = new_figure(12, 0.9 + 4 * len(boards))
    axes = figure.subplots(len(boards), 3, squeeze=False)
    for row, board in zip(axes, boards, strict=True):
        _draw_board(row, board)
    figure.suptitle(
        f"{found.mask.path.name} against {found.reference}, {len(found.dates)} dates",
        fontsize=11,
        color=INK,
        parse_math=False,
    )
    return to_png(figure)


def _draw_board(row: Sequence[Axes], board: Board) -> None:
    roc, recall, calibration = row
    for colour, drawn in zip(COLOURS, board.drawn, strict=False):
        _draw_roc(roc, drawn, colour)
        _draw_precision(recall, drawn, colour)
        _draw_reliability(calibration, drawn, colour)
    _label(roc, f"{board.target} against clear: ROC", "Clear pixels flagged", "Recall")
    _label(recall, "Precision and recall", "Recall", "Precision")
    _label(calibration, "Reliability", "Promised probability", "Share found")
    for axes in (roc, calibration):
        axes.plot([0, 1], [0, 1], color=LINE, linewidth=0.8, linestyle=":", zorder=0)
    roc.legend(fontsize=TEXT, frameon=False, loc="lower right")


def _draw_roc(axes: Axes, drawn: Drawn, colour: str) -> None:
    x, y = drawn.curves.false_alarm, drawn.curves.recall
    _point(axes, drawn.false_alarm, drawn.recall, colour)
    axes.plot(x, y, color=colour, linewidth=1.4, label=drawn.method)


def _draw_precision(axes: Axes, drawn: Drawn, colour: str) -> None:
    axes.plot(drawn.curves.recall, drawn.curves.precision, color=colour, linewidth=1.4)
    _point(axes, drawn.recall, drawn.precision, colour)


def _draw_reliability(axes: Axes, drawn: Drawn, colour: str) -> None:
    # Of a hard yes or no, two points would be drawn as a line through what it never promised.
    if len(drawn.reliability.get("promised", ())) > HARD:
        line = drawn.reliability["promised"], drawn.reliability["found"]
        axes.plot(*line, "o-", color=colour, linewidth=1.4, markersize=3)


def _point(axes: Axes, x: float, y: float, colour: str) -> None:
    """Mark where the threshold lies."""
    axes.plot([x], [y], "o", color=colour, markersize=5, markeredgecolor="white")


def _label(axes: Axes, title: str, x: str, y: str) -> None:
    frame(axes)
    axes.set_title(title, loc="left", fontsize=11, color=INK)
    axes.set_xlabel(x, fontsize=TEXT, color=INK)
    axes.set_ylabel(y, fontsize=TEXT, color=INK)
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)
    axes.tick_params(labelsize=TEXT)
    axes.grid(color=LINE, linewidth=0.4, alpha=0.6)
