"""The report of a training as one HTML page that needs no other file."""

import math
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

from am4cm_cli.reports.markup import html_facts, html_table
from am4cm_cli.reports.training import TrainingReport

CLASS_HEADS = "Class", "Test series", "Precision", "Recall", "F1", "IoU"
EPOCH_HEADS = (
    "Epoch",
    "Training loss",
    "Validation loss",
    "Validation accuracy",
    "Validation mean IoU",
    "Learning rate",
    "Series per second",
)
STYLE = """
:root { color-scheme: light dark; --ink: #1a1a1a; --soft: #5c5c5c; --line: #c8c8c8; --ground: #fff }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e6e6; --soft: #a6a6a6; --line: #4a4a4a; --ground: #161616 }
}
body { margin: 2rem auto; max-width: 62rem; padding: 0 1rem; color: var(--ink);
  background: var(--ground); font: 16px/1.5 system-ui, sans-serif }
h1 { font-size: 1.6rem } h2 { font-size: 1.2rem; margin-top: 2.5rem }
h1, dd, td:first-child { overflow-wrap: anywhere }
p, dt, summary { color: var(--soft) }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1.2rem } dd { margin: 0 }
.wide { overflow-x: auto }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { padding: .2rem .9rem .2rem 0; border-bottom: 1px solid var(--line);
  text-align: right; white-space: nowrap }
th { font-weight: 600 } td:first-child, th:first-child { text-align: left; white-space: normal }
/* Pictures are drawn on white, so they keep white around them in the dark. */
img { max-width: 100%; height: auto; background: #fff; border-radius: 6px }
"""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A drawing and what to say of it."""

    name: str
    """Ends the name of its file."""
    heading: str
    caption: str
    png: bytes


def training_page(report: TrainingReport, pictures: Iterable[Picture]) -> str:
    """Write the whole page, the pictures within it; every text is escaped."""
    title = escape(report.title)
    epochs = html_table(EPOCH_HEADS, _epoch_rows(report))
    body = "\n".join(
        [
            f"<h1>{title}</h1>",
            _facts(report),
            "<h2>Scores by class</h2>",
            html_table(CLASS_HEADS, class_rows(report)),
            *map(_figure, pictures),
            "<h2>Epochs</h2>",
            f"<details><summary>All epochs as numbers</summary>{epochs}</details>",
        ]
    )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def _facts(report: TrainingReport) -> str:
    facts = {
        "Test series": f"{report.test.counts.sum():,}",
        "Overall accuracy": f"{report.test.accuracy:.4f}",
        "Mean IoU": f"{report.test.mean_iou:.4f}, over the classes present or predicted",
        **report.facts,
    }
    return html_facts(facts)


def class_rows(report: TrainingReport) -> list[tuple[str, ...]]:
    """The class table as text, a row per class under CLASS_HEADS."""
    return [
        (score.name, f"{score.count:,}", *map(_ratio, score.ratios))
        for score in report.class_scores
    ]


def _epoch_rows(report: TrainingReport) -> list[tuple[str, ...]]:
    return [
        (
            str(epoch.epoch),
            _ratio(epoch.train_loss),
            _ratio(epoch.validation_loss),
            _ratio(epoch.validation_accuracy),
            _ratio(epoch.validation_mean_iou),
            f"{epoch.learning_rate:.3g}",
            _known(epoch.series_per_second, ",.0f"),
        )
        for epoch in report.epochs
    ]


def _ratio(value: float) -> str:
    return _known(value, ".3f")


def _known(value: float, spec: str) -> str:
    return "–" if math.isnan(value) else format(value, spec)


def _figure(picture: Picture) -> str:
    content = b64encode(picture.png).decode()
    return (
        f"<h2>{escape(picture.heading)}</h2>\n<p>{escape(picture.caption)}</p>\n"
        f'<img alt="{escape(picture.heading)}" src="data:image/png;base64,{content}">'
    )
