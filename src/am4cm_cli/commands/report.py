"""`am4cm report`: a mask to look at, as one page."""

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from am4cm_cli.commands.completion import complete_weights
from am4cm_cli.commands.console import progress, say, unwind
from am4cm_cli.commands.images import IMAGE_OPTIONS, takes_images
from am4cm_cli.commands.inputs import read_files
from am4cm_cli.commands.options import (
    REFERENCE,
    Overwrite,
    ReferenceKind,
    ReferenceMap,
    SkipBad,
    find_weights,
    refuse,
)
from am4cm_cli.stacks.options import AS_THEY_ARE, StackOptions

READ = ("mask", "classes", "weights", "reference")
"""Parameters that name a file to read, beside those of images."""


@takes_images
def report(
    context: typer.Context,
    mask: Annotated[
        Path,
        typer.Argument(
            metavar="MASK",
            help="Mask that am4cm wrote.",
            exists=True,
            dir_okay=False,
            show_default=False,
        ),
    ],
    out: Annotated[
        Path, typer.Argument(metavar="OUT.html", help="Page to write.", show_default=False)
    ],
    images: Annotated[
        str | None,
        typer.Option(
            metavar="INPUT",
            help="The mask's images: adds true and false colour, reflectance and the clear sky.",
            show_default=False,
        ),
    ] = None,
    classes: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Classes that am4cm mask wrote beside the mask.",
            exists=True,
            dir_okay=False,
            show_default=False,
        ),
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Whose clear sky is shown, by file or name. Default: the mask's, where they come "
            "with am4cm, or else the first that do.",
            callback=find_weights,
            autocompletion=complete_weights,
            show_default=False,
        ),
    ] = None,
    reference: Annotated[
        Path | None,
        typer.Option(
            metavar="REF",
            help="What the mask is scored against, as am4cm evaluate does.",
            show_default=False,
            rich_help_panel=REFERENCE,
        ),
    ] = None,
    kind: ReferenceKind = None,
    map: ReferenceMap = None,  # noqa: A002 - the option's name
    images_as: StackOptions = AS_THEY_ARE,
    skip_bad: SkipBad = False,
    overwrite: Overwrite = False,
) -> None:
    """Write a page to look a mask through: dates, pixels, gaps and scores, in one file.

    It opens in any browser, fetches nothing, and stays under 25 MB: of large
    masks it shows overviews, and says so.
    """
    _refuse(context, out, images, reference)
    from am4cm_cli.files import check_apart, check_output
    from am4cm_cli.skipping import advising
    from am4cm_cli.stacks.discovery import find_stack
    from am4cm_cli.viewer.writing import ReportOrder, write_report

    unwind()
    check_output(out, overwrite=overwrite)
    with nullcontext() if skip_bad else advising():
        stack = find_stack(images, replace(images_as, skip_bad=skip_bad)) if images else None
    for note in stack.notes if stack else ():
        say(note)
    check_apart([out], read_files(context, READ, images, stack))
    order = ReportOrder(
        mask=mask,
        stack=stack,
        weights=weights,
        classes=classes,
        reference=reference,
        kind=kind,
        mapping=map,
        skip_bad=skip_bad,
    )
    size = write_report(order, out, follow=progress, tell=say)
    say(f"Wrote {out}: {size / 1e6:.1f} MB.")


def _refuse(context: typer.Context, out: Path, images: str | None, reference: Path | None) -> None:
    """Refuse options without use, and a name that no browser takes for a page."""
    if out.suffix.lower() not in {".html", ".htm"}:
        raise typer.BadParameter(
            f"{out}: expected a name that ends in .html", param_hint="'OUT.html'"
        )
    if images is None:
        refuse(context, ("weights", "skip_bad", *IMAGE_OPTIONS), "without --images")
    if reference is None:
        refuse(context, ("kind", "map"), "without --reference")
