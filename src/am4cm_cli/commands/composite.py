"""`am4cm composite`: one clear image of many."""

from contextlib import nullcontext
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from am4cm_cli.commands.console import output, progress, say, unwind
from am4cm_cli.commands.images import takes_images
from am4cm_cli.commands.inputs import read_files
from am4cm_cli.commands.options import (
    MaxMemory,
    Overwrite,
    SkipBad,
    Threads,
    cores,
    is_given,
    option_hint,
    parse_bytes,
)
from am4cm_cli.commands.outputs import STDOUT, Creation, check_raster_names, name_out
from am4cm_cli.stacks.options import AS_THEY_ARE, StackOptions

if TYPE_CHECKING:
    from am4cm_cli.compositing.composing import CompositeSummary
    from am4cm_cli.compositing.config import CompositeFiles


class Method(StrEnum):
    """How a pixel is made; the names are those of `compositing.config.METHODS`."""

    MEDIAN = "median"
    BEST = "best"


@takes_images
def composite(
    context: typer.Context,
    source: Annotated[
        str,
        typer.Argument(
            metavar="INPUT",
            help="Folder, glob, list, product, zip or URL of images.",
            show_default=False,
        ),
    ],
    mask: Annotated[
        Path,
        typer.Argument(
            metavar="MASK",
            help="What am4cm mask wrote of these images, or of more of them.",
            exists=True,
            dir_okay=False,
            show_default=False,
        ),
    ],
    out: Annotated[
        Path,
        typer.Argument(
            metavar="OUT",
            help="GeoTIFF to write, a band for each of the images'; - for standard output.",
            show_default=False,
        ),
    ],
    method: Annotated[
        Method,
        typer.Option(
            help="median: of each band by itself. best: all bands of one clear image, near "
            "--around; a percent of probability counts as a day.",
        ),
    ] = Method.MEDIAN,
    around: Annotated[
        datetime | None,
        typer.Option(
            metavar="DATE",
            formats=["%Y-%m-%d"],
            help="Of --method best and --date: the day to be near. Default: the middle of the "
            "images' days.",
            show_default=False,
        ),
    ] = None,
    count: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write how many clear observations each pixel has, too; 65535 where it was "
            "never observed.",
            show_default=False,
        ),
    ] = None,
    date: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write the date of the best one, too, such as 20180704; 0 for none.",
            show_default=False,
        ),
    ] = None,
    threshold: Annotated[
        float,
        typer.Option(
            min=0,
            max=100,
            metavar="PERCENT",
            help="From this probability on an observation is not clear.",
        ),
    ] = 50,
    dilate: Annotated[
        int,
        typer.Option(
            min=0,
            max=500,
            metavar="PIXELS",
            help="Leave out what is so near to it, too (a disc).",
        ),
    ] = 0,
    co: Creation = None,
    images_as: StackOptions = AS_THEY_ARE,
    max_memory: MaxMemory = "2GB",
    threads: Threads = None,
    skip_bad: SkipBad = False,
    overwrite: Overwrite = False,
) -> None:
    """Write one image without clouds: the median, or the best, of what the mask calls clear."""
    _check_meaning(context, count, date, threshold)
    from am4cm_cli.compositing.composing import write_composite
    from am4cm_cli.compositing.config import CompositeConfig, CompositeFiles
    from am4cm_cli.compositing.outputs import LAYOUTS
    from am4cm_cli.files import check_apart, check_output
    from am4cm_cli.orders import Resources
    from am4cm_cli.rasters.creation import check_storage, read_options
    from am4cm_cli.rasters.masks import open_mask
    from am4cm_cli.skipping import advising
    from am4cm_cli.stacks.discovery import find_stack
    from am4cm_cli.storage import Storage

    unwind()
    storage = Storage(options=read_options(co or []))
    for beside in (count, date):
        if beside is not None:
            check_output(beside, overwrite=overwrite)
    with output(out, overwrite=overwrite) as path:
        files = CompositeFiles(composite=path, count=count, date=date)
        check_storage(storage, {LAYOUTS[name].dtype for name in files.named})
        found = open_mask(mask)
        with nullcontext() if skip_bad else advising():
            stack = find_stack(source, replace(images_as, skip_bad=skip_bad))
        for note in stack.notes:
            say(note)
        outputs = [path for path in (out, count, date) if path not in {None, STDOUT}]
        check_apart(outputs, read_files(context, ["mask"], source, stack))
        summary = write_composite(
            stack,
            found,
            files,
            CompositeConfig(
                method=method.value,
                threshold=threshold,
                dilate=dilate,
                around=around.date() if around else None,
            ),
            Resources(max_memory=parse_bytes(max_memory), threads=threads or cores()),
            storage=storage,
            skip_bad=skip_bad,
            track=progress("Composing"),
            tell=say,
        )
    _tell(summary, method, out, files)


def _check_meaning(
    context: typer.Context, count: Path | None, date: Path | None, threshold: float
) -> None:
    best = context.params["method"] is Method.BEST
    if is_given(context, "around") and not best and date is None:
        hint = option_hint(context, "around")
        raise typer.BadParameter("has no use without --method best or --date", param_hint=hint)
    if STDOUT in {count, date}:
        raise typer.BadParameter("only OUT may be standard output")
    if not 0 <= threshold <= 100:  # what is not a number passes for one
        raise typer.BadParameter("expected 0 to 100", param_hint="'--threshold'")
    check_raster_names(context, "out", "count", "date")


def _tell(summary: "CompositeSummary", method: Method, out: Path, files: "CompositeFiles") -> None:
    """Say what was written, and what a user should know of it."""
    for note in summary.notes:
        say(note)
    pixels = max(summary.observed, 1)
    empty = f"{1 - summary.filled / pixels:.1%}" if summary.observed else "0.0%"
    say(
        f"Wrote {name_out(out)}: the {method.value} of {summary.dates} dates; pixels have "
        f"{summary.clear / pixels:.1f} clear observations on average"
        f"{f', {empty} of pixels have none' if empty != '0.0%' else ''}."
    )
    beside = [str(path) for path in files.rasters[1:]]
    if beside:
        say(f"Beside it: {', '.join(beside)}.")
