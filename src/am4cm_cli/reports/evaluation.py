"""How good a mask is, as tables."""

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from am4cm_cli.validation.choices import ALL
from am4cm_cli.validation.evaluating import Evaluation
from am4cm_cli.validation.facts import Board, DateRow, Row, Value
from am4cm_cli.validation.unlabelled import NEARLY_ALWAYS, Unlabelled

OF_WEIGHTS = "above 0; of the weights, whatever the mask"
WORST = 10
"""Dates in the terminal; the CSV has them all."""
COLUMNS = {
    "AUC": "auc",
    "AP": "average_precision",
    "F1": "f1",
    "prec": "precision",
    "recall": "recall",
    "bal.acc": "balanced_accuracy",
    "IoU": "iou",
    "ECE": "ece",
}

FINE = ("AUC", "F1")


def evaluation_tables(found: Evaluation) -> RenderableType:
    """Everything that a terminal has room for, the mask's own target first."""
    parts: list[RenderableType] = [Text(_title(found))]
    for board in found.boards:
        if board.rows:
            parts += [_scores(board), _differences(board)]
    first = found.boards[0]
    if first.rows:
        parts.append(_thresholds(first))
    if any(row.wrong > 0 for row in first.dates):
        parts.append(_worst(first))
    return Group(*(Padding(part, (0, 0, 1, 0)) for part in parts))


def unlabelled_table(title: str, found: Unlabelled) -> Table:
    """A row per measure, with what is good."""
    table = _table(f"{title}\n{found.dates} dates, {found.pixels:,} pixels, no reference\n")
    table.add_column("measure", overflow="fold")
    table.add_column("found", justify="right")
    table.add_column("good is", overflow="fold")
    for row in _unlabelled_rows(found):
        table.add_row(*row)
    return table


def _title(found: Evaluation) -> str:
    made_by = (found.mask.tags.get(name) for name in ("AM4CM_METHOD", "AM4CM_WEIGHTS"))
    target = found.mask.tags.get("AM4CM_TARGET", "cloud")
    return (
        f"{found.mask.path} (probability of {target}, "
        f"{', '.join(text or 'unknown' for text in made_by)})\n"
        f"against {found.reference}, read as {found.kind}: {len(found.dates)} dates, "
        f"{found.dates[0]} to {found.dates[-1]}"
    )


def _scores(board: Board) -> Table:
    table = _table(f"{board.target} against clear at 50 %, the mask's with its 95 % interval")
    table.add_column("method", no_wrap=True)
    for name in COLUMNS:
        table.add_column(name, justify="right", no_wrap=True)
    choice = ""
    for row in board.rows:
        if row.choice != choice:
            choice = row.choice
            table.add_row(Text(_heading(row), style="bold"))
        for line in _score_rows(row, is_mask=row.method == board.rows[0].method):
            table.add_row(*line)
    return table


def _heading(row: Row) -> str:
    return f"{row.choice} ({row.dates})"


def _score_rows(row: Row, *, is_mask: bool) -> Iterator[list[RenderableType]]:
    values = {name: row.values[key] for name, key in COLUMNS.items()}
    yield [f"  {row.method}", *(_cell(name, one.value) for name, one in values.items())]
    if is_mask:
        low = [_cell(name, one.low) for name, one in values.items()]
        high = [_cell(name, one.high) for name, one in values.items()]
        yield [Text(text, style="dim") for text in ("    from", *low)]
        yield [Text(text, style="dim") for text in ("    to", *high)]


def _differences(board: Board) -> Table:
    table = _table(f"How far the mask is ahead, {board.target}, with its 95 % interval over dates")
    for name in ("of", "F1", "AUC"):
        table.add_column(name, no_wrap=True)
    by_pair: dict[tuple[str, str], dict[str, Value]] = {}
    for one in board.differences:
        by_pair.setdefault((one.choice, one.baseline), {})[one.measure] = one.value
    shown = ""
    for (choice, baseline), ahead in by_pair.items():
        if choice != shown:
            shown = choice
            table.add_row(Text(choice, style="bold"))
        table.add_row(f"  {baseline}", _signed(ahead["f1"]), _signed(ahead["auc"]))
    return table


def _thresholds(board: Board) -> Table:
    table = _table(f"The mask by threshold, {board.target}, {ALL}")
    names = {"F1": "f1", "precision": "precision", "recall": "recall", "IoU": "iou"}
    for name in ("at", *names, "balanced accuracy"):
        table.add_column(name, justify="right")
    for row in board.thresholds:
        values = [row[key] for key in (*names.values(), "balanced_accuracy")]
        table.add_row(f"{100 * row['threshold']:.0f} %", *map(_ratio, values))
    return table


def _worst(board: Board) -> Table:
    table = _table(f"The {WORST} worst dates, {board.target}, in pixels")
    for name in ("date", "wrong", "false alarms", "missed", "clear", board.target, "unused"):
        table.add_column(name, justify="left" if name == "date" else "right")
    scored = [row for row in board.dates if row.wrong > 0]
    for row in sorted(scored, key=lambda row: -(row.false_alarms + row.missed))[:WORST]:
        table.add_row(row.date, f"{row.wrong:.1%}", *map(_count, _date_counts(row)))
    return table


def _date_counts(row: DateRow) -> tuple[int, ...]:
    return row.false_alarms, row.missed, row.clear, row.flagged, row.unused


def _unlabelled_rows(found: Unlabelled) -> Iterator[tuple[str, str, str]]:
    yield "flagged, of what was observed", f"{found.flagged:.1%}", "as cloudy as the place is"
    yield (
        f"pixels flagged on over {NEARLY_ALWAYS:.0%} of dates",
        _share(found.nearly_always),
        "0 %: no bright ground is flagged",
    )
    for band, jump in found.jumps.items():
        yield f"{band}: jump between kept neighbours", _small(jump.kept), "low"
        yield f"{band}: jump between all neighbours", _small(jump.all), "far above kept"
    for band, off in found.residuals.items():
        yield f"{band}: kept, off the kept around", _small(off.kept), "low"
        yield f"{band}: flagged, off the kept around", _small(off.flagged), "far above kept"
    yield f"rank correlation of {found.heads.heads} heads", _ratio(found.heads.mean), OF_WEIGHTS
    yield "  of the least agreeing head", _ratio(found.heads.lowest), "above 0"


def _table(title: str) -> Table:
    return Table(
        title=Text(title, style="default"),
        title_justify="left",
        box=None,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        header_style="bold",
    )


def _signed(value: Value) -> str:
    if value.value != value.value:
        return "-"
    return f"{value.value:+.4f} ({value.low:+.4f} to {value.high:+.4f})"


def _cell(name: str, value: float) -> str:
    """Four digits where it is these that masks are compared by, so that a terminal has room."""
    return _ratio(value) if name in FINE or value != value else f"{value:.3f}"


def _ratio(value: float) -> str:
    return "-" if value != value else f"{value:.4f}"


def _small(value: float) -> str:
    return "-" if value != value else f"{value:.5f}"


def _share(value: float) -> str:
    return "-" if value != value else f"{value:.1%}"


def _count(number: int) -> str:
    return f"{number:,}"
