"""`am4cm explain`: what one pixel's probabilities come from."""

from pathlib import Path
from typing import Annotated

import typer

from am4cm_cli.commands.console import say, unwind, waiting
from am4cm_cli.commands.images import takes_images
from am4cm_cli.commands.options import (
    OUTPUTS,
    Device,
    Overwrite,
    Weights,
)
from am4cm_cli.stacks.options import AS_THEY_ARE, StackOptions

STDOUT = Path("-")
SETTINGS = {"ignore_unknown_options": True}
"""West of Greenwich, a coordinate looks like an option."""


@takes_images
def explain(
    source: Annotated[
        str,
        typer.Argument(
            metavar="INPUT", help="Folder, glob or text file of images.", show_default=False
        ),
    ],
    x: Annotated[
        float,
        typer.Argument(metavar="X", help="In the images' CRS, or see below.", show_default=False),
    ],
    y: Annotated[float, typer.Argument(metavar="Y", help="Likewise.", show_default=False)],
    out: Annotated[
        Path | None,
        typer.Argument(
            metavar="OUT.png", help="Picture; not needed with --csv.", show_default=False
        ),
    ] = None,
    pixel: Annotated[
        bool, typer.Option("--pixel", help="X and Y are column and row, from 0 at the upper left.")
    ] = False,
    lonlat: Annotated[
        bool, typer.Option("--lonlat", help="X and Y are longitude and latitude in degrees.")
    ] = False,
    csv: Annotated[
        Path | None,
        typer.Option(
            "--csv",
            metavar="FILE",
            help="Write the values, a row per date; - for standard output.",
            show_default=False,
            rich_help_panel=OUTPUTS,
        ),
    ] = None,
    weights: Weights = None,
    images_as: StackOptions = AS_THEY_ARE,
    device: Device = "auto",
    overwrite: Overwrite = False,
) -> None:
    """Draw one pixel over time: reflectance, clear sky, attention by head, probability."""
    _check_words(out, csv)
    if pixel and lonlat:
        raise typer.BadParameter("cannot go together", param_hint="'--pixel', '--lonlat'")
    from am4cm_cli.devices import pick_device
    from am4cm_cli.explaining import explain_pixel
    from am4cm_cli.places import find_place
    from am4cm_cli.reports.pixel import describe_series, series_csv
    from am4cm_cli.stacks.discovery import find_stack
    from am4cm_cli.weights import load_weights
    from am4cm_cli.weights_header import default_weights

    unwind()
    _check_outputs(out, csv, overwrite=overwrite)
    stack = find_stack(source, images_as)
    given = "pixel" if pixel else "lonlat" if lonlat else "crs"
    place = find_place(stack, x, y, given=given)
    loaded = load_weights(weights or default_weights())
    with waiting("Reading a sample of the stack, and the pixel"):
        series = explain_pixel(stack, place, loaded, device=pick_device(device))
    if csv is not None:
        _write_csv(csv, series_csv(series))
    if out is not None:
        from am4cm_cli.pictures.files import draw_pixel

        draw_pixel(series, out)
    for sentence in describe_series(series):
        say(sentence)


def _check_words(out: Path | None, csv: Path | None) -> None:
    """Refuse what SETTINGS let pass."""
    if out is not None and str(out).startswith("-"):
        raise typer.BadParameter(f"{out} is neither an option nor a picture", param_hint="'OUT'")
    if out is not None and out == csv:
        raise typer.BadParameter(f"{out} is named for two outputs", param_hint="'--csv'")
    if out is None and csv is None:
        raise typer.BadParameter("name a picture to write, or --csv", param_hint="'OUT'")


def _check_outputs(out: Path | None, csv: Path | None, *, overwrite: bool) -> None:
    from am4cm_cli.files import check_output
    from am4cm_cli.pictures.files import check_drawing

    if out is not None:
        check_output(out, overwrite=overwrite)
        check_drawing(out)
    if csv is not None and csv != STDOUT:
        check_output(csv, overwrite=overwrite)


def _write_csv(path: Path, text: str) -> None:
    from am4cm_cli.files import write_text

    if path == STDOUT:
        typer.echo(text, nl=False)
    else:
        write_text(path, text)
