"""What a calibration changed, as a table."""

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from am4cm_cli.calibrating import Calibrated, Learned
from am4cm_cli.recalibration import Figures


def calibration_tables(found: Calibrated) -> RenderableType:
    """A table per target: before, after on the same labels, and on dates held out."""
    head = f"{found.reference}, read as {found.kind}\nfitted: {found.aim.words}"
    parts: list[RenderableType] = [Text(head)]
    for target, one in found.targets.items():
        parts.append(Group(Text(_title(target, one)), _table(one, found.aim.beta)))
    return Group(*(Padding(part, (0, 0, 1, 0)) for part in parts))


def _table(one: Learned, beta: float) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("at 50 %", "before", "after, same labels", "dates held out"):
        table.add_column(name, justify="left" if name == "at 50 %" else "right", no_wrap=True)
    for name, key in _rows(beta):
        cells = (_cell(figures, key) for figures in (one.before, one.after, one.held_out))
        table.add_row(name, *cells)
    return table


def _title(target: str, one: Learned) -> str:
    return (
        f"{target} against clear: {one.dates} dates, {one.clear:,} clear and {one.target:,} "
        f"{target} pixels\nlog odds = {one.line.slope:.3f} * those before "
        f"{one.line.intercept:+.3f}"
    )


def _rows(beta: float) -> Iterator[tuple[str, str]]:
    yield "F1", "f1"
    if beta != 1:
        yield f"F{beta:g}", "f_beta"
    yield "precision", "precision"
    yield "missed", "omission"
    yield "calibration error", "ece"


def _cell(figures: Figures | None, key: str) -> str:
    value = float("nan") if figures is None else getattr(figures, key)
    return "-" if value != value else f"{value:.4f}"
