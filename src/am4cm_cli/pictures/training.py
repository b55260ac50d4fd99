"""The report of a training: one HTML page, and its pictures beside it."""

from importlib.util import find_spec
from pathlib import Path

from am4cm_cli.errors import MissingExtraError, OutputError
from am4cm_cli.files import check_output, write_bytes, write_text
from am4cm_cli.reports.pages import training_page
from am4cm_cli.reports.training import TrainingReport

SUFFIX = ".html"
TABLE = "classes"
NAMES = (
    "curves",
    "confusion-counts",
    "confusion-by-truth",
    "confusion-by-prediction",
    "attention-by-class",
    "attention-by-head",
    "attention-by-class-and-head",
    TABLE,
)
"""Of the pictures; the page `mine.html` has `mine-curves.png` beside it."""


def picture_path(page: Path, name: str) -> Path:
    """Where one of the pictures of a page is written."""
    return page.with_name(f"{page.stem}-{name}.png")


def check_report(page: Path, *, overwrite: bool) -> None:
    """Make sure that a report can be written at this path, before any work is spent on it.

    Raises:
        OutputError: the page or one of its pictures cannot appear there.
        MissingExtraError: matplotlib is not installed.
    """
    if page.suffix != SUFFIX:
        raise OutputError(f"{page}: expected a name that ends in {SUFFIX}; give it that ending.")
    for path in (page, *(picture_path(page, name) for name in NAMES)):
        check_output(path, overwrite=overwrite)
    if find_spec("matplotlib") is None:
        raise MissingExtraError(
            f"{page}: drawing needs matplotlib, which is not installed: "
            'pip install "am4cm[plots]", or leave out the report.'
        )


def write_report(report: TrainingReport, page: Path) -> None:
    """Write the pictures as PNG, then the page with the same pictures within it.

    Call `check_report` first.

    Raises:
        OutputError: the disk is full.
    """
    from am4cm_cli.pictures.drawings import draw_report

    pictures = draw_report(report)
    assert {picture.name for picture in pictures} == set(NAMES)
    for picture in pictures:
        write_bytes(picture_path(page, picture.name), picture.png)
    # The page has the class table as text.
    shown = [picture for picture in pictures if picture.name != TABLE]
    write_text(page, training_page(report, shown))
