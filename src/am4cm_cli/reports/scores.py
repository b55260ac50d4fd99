"""Scores of a test as a table."""

from rich.table import Table

from am4cm_cli.evaluation import Scores


def scores_table(title: str, found: Scores) -> Table:
    """A row per class, and the whole in the caption."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    # Short lines: a caption is no wider than its table.
    table.caption = (
        f"{found.series:,} series\noverall accuracy {found.overall_accuracy:.4f}\n"
        f"mean IoU {found.mean_iou:.4f}"
    )
    table.caption_justify = "left"
    table.add_column("class", overflow="fold")
    for name in ("series", "F1", "IoU"):
        table.add_column(name, justify="right")
    for row, name in zip(found.confusion, found.iou, strict=True):
        table.add_row(name, f"{sum(row):,}", _ratio(found.f1[name]), _ratio(found.iou[name]))
    return table


def _ratio(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
