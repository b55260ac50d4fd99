"""`am4cm mask`: the cloud probability of every date of a stack."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from am4cm_cli.commands.console import output, progress, say, unwind
from am4cm_cli.commands.options import Bands, Dates, Device, Offset, Overwrite, Scale, split_names


class Method(StrEnum):
    """How clouds are scored; the names are those of `scores.METHODS`."""

    COUNTERFACTUAL = "counterfactual"
    LOGIT = "logit"
    ATTENTION = "attention"


class Dtype(StrEnum):
    """How probabilities are stored."""

    UINT8 = "uint8"
    FLOAT32 = "float32"


def mask(
    source: Annotated[
        str,
        typer.Argument(
            metavar="INPUT", help="Folder, glob or text file of images.", show_default=False
        ),
    ],
    out: Annotated[
        Path,
        typer.Argument(
            metavar="OUT", help="GeoTIFF to write; - for standard output.", show_default=False
        ),
    ],
    weights: Annotated[
        Path | None,
        typer.Option(
            help="Trained weights. Default: those that come with am4cm.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    bands: Bands = None,
    scale: Scale = None,
    offset: Offset = None,
    dates: Dates = None,
    method: Annotated[
        Method, typer.Option(help="counterfactual is the mask; the others are for comparison.")
    ] = Method.COUNTERFACTUAL,
    dtype: Annotated[
        Dtype, typer.Option(help="uint8: percent, 255 nodata. float32: 0 to 1, NaN nodata.")
    ] = Dtype.UINT8,
    device: Device = "auto",
    tile: Annotated[
        int | None,
        typer.Option(min=16, help="Side in pixels of the windows read. Default: by memory."),
    ] = None,
    batch: Annotated[
        int | None, typer.Option(min=1, help="Pixels computed at a time. Default: by memory.")
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Write the cloud probability of every date of a stack, one band per date."""
    from am4cm_cli.devices import pick_device
    from am4cm_cli.masking import MaskConfig, mask_stack
    from am4cm_cli.stacks.discovery import find_stack
    from am4cm_cli.weights import default_weights, load_weights

    unwind()
    with output(out, overwrite=overwrite) as path:
        stack = find_stack(
            source, band_names=split_names(bands), scale=scale, offset=offset, dates=dates
        )
        for note in stack.notes:
            say(note)
        config = MaskConfig(method=method.value, dtype=dtype.value, tile=tile, batch=batch)
        summary = mask_stack(
            stack,
            path,
            load_weights(weights or default_weights()),
            config,
            device=pick_device(device),
            track=progress("Masking"),
        )
    for note in summary.notes:
        say(note)
    share = summary.cloudy / max(summary.answered, 1)
    say(f"Wrote {out}: {summary.dates} dates, {share:.0%} of what was observed is cloudy.")
