"""`am4cm test`: scores of weights on a fold of prepared series."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from am4cm_cli.commands.console import progress, unwind
from am4cm_cli.commands.options import Device
from am4cm_cli.commands.voice import console

if TYPE_CHECKING:
    from am4cm_cli.weights import Weights


def score(
    weights: Annotated[
        Path,
        typer.Argument(
            metavar="WEIGHTS", help="Trained weights (.safetensors).", show_default=False
        ),
    ],
    data: Annotated[
        Path,
        typer.Argument(metavar="DATA", help="Folder made by am4cm prepare.", show_default=False),
    ],
    fold: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Fold to score on. Default: the one that the weights were tested on.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
    device: Device = "auto",
) -> None:
    """Show how well weights tell the classes of one fold apart: accuracy, F1, IoU, confusion."""
    import json

    from am4cm_cli.devices import pick_device
    from am4cm_cli.evaluation import score_fold
    from am4cm_cli.ranks import Ranks
    from am4cm_cli.reports.scores import scores_table
    from am4cm_cli.weights import load_weights

    unwind()
    loaded = load_weights(weights)
    number = _tested(loaded) if fold is None else fold
    ranks = Ranks(device=pick_device(device))
    found = score_fold(loaded, data, number, ranks=ranks, track=progress("Testing"))
    if as_json:
        typer.echo(json.dumps(found.to_dict(), indent=1))
    else:
        console().print(scores_table(f"{loaded.name} on fold {number} of {data}", found))


def _tested(weights: "Weights") -> int:
    """The fold that the training kept for the test."""
    try:
        return int(weights.record["rotation"]["test"])
    except (LookupError, TypeError, ValueError):
        raise typer.BadParameter(
            f"{weights.name} does not tell which fold it was tested on; choose one",
            param_hint="'--fold'",
        ) from None
