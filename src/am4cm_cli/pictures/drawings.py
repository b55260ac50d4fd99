"""All pictures of a training's report; needs matplotlib, so import this module on use."""

from am4cm_cli.pictures.curves import draw_curves
from am4cm_cli.pictures.matrices import draw_counts, draw_shares, draw_table
from am4cm_cli.pictures.seasons import draw_grid, draw_rows
from am4cm_cli.reports.pages import Picture
from am4cm_cli.reports.training import TrainingReport, by_prediction, by_truth

SHARE = (
    "How many times an even share of its series' attention an observed date gets, on average, in "
    "the series of the test fold. Hatched: no observation."
)


def draw_report(report: TrainingReport) -> list[Picture]:
    """Draw every picture once."""
    return [
        Picture(
            name="curves",
            heading="Training",
            caption="By epoch. Speed is that of training alone.",
            png=draw_curves(report.epochs),
        ),
        *_confusion(report),
        *_attention(report),
        Picture(
            name="classes",
            heading="Scores by class",
            caption="Ratios from 0 to 1, of the test fold.",
            png=draw_table(report),
        ),
    ]


def _confusion(report: TrainingReport) -> list[Picture]:
    classes, test = report.classes, report.test
    return [
        Picture(
            name="confusion-counts",
            heading="Confusion, in series",
            caption="Series of the test fold by true and predicted class.",
            png=draw_counts(test.counts, classes),
        ),
        Picture(
            name="confusion-by-truth",
            heading="Confusion, in percent of the true class",
            caption="Each row sums to 100; its diagonal is the recall. A dot is under 0.5 %.",
            png=draw_shares(by_truth(test), classes, of="true"),
        ),
        Picture(
            name="confusion-by-prediction",
            heading="Confusion, in percent of the predicted class",
            caption="Each column sums to 100; its diagonal is the precision. A dot is under 0.5 %.",
            png=draw_shares(by_prediction(test), classes, of="predicted"),
        ),
    ]


def _attention(report: TrainingReport) -> list[Picture]:
    heads = [f"head {number + 1}" for number in range(report.attention.shape[1])]
    return [
        Picture(
            name="attention-by-class",
            heading="Attention over the year, by class",
            caption=f"{SHARE} Mean over heads.",
            png=draw_rows(report.attention_by_class, report.classes),
        ),
        Picture(
            name="attention-by-head",
            heading="Attention over the year, by head",
            caption=f"{SHARE} Mean over classes, each counting alike.",
            png=draw_rows(report.attention_by_head, heads),
        ),
        Picture(
            name="attention-by-class-and-head",
            heading="Attention over the year, by class and head",
            caption=f"{SHARE} In each panel a row per head, the first on top.",
            png=draw_grid(report.attention, report.classes),
        ),
    ]
