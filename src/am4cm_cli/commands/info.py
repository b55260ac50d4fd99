"""`am4cm info`: what am4cm understands of a stack, a mask, prepared data or weights."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from am4cm_cli.commands.console import waiting
from am4cm_cli.commands.images import takes_images
from am4cm_cli.commands.voice import console
from am4cm_cli.stacks.options import AS_THEY_ARE, StackOptions

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table


@takes_images
def info(
    path: Annotated[
        str,
        typer.Argument(
            metavar="INPUT",
            help="Stack (folder, glob, list, product), mask, prepared folder or weights.",
            show_default=False,
        ),
    ],
    images_as: StackOptions = AS_THEY_ARE,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """Show what am4cm understands: the first thing to run when something looks wrong."""
    import json

    from am4cm_cli.rasters.masks import is_mask

    table: RenderableType
    if Path(path).suffix == ".safetensors":
        facts, table = _weights(Path(path))
    elif (Path(path) / "prepared.json").exists():
        facts, table = _prepared(Path(path))
    elif is_mask(Path(path)):
        facts, table = _mask(Path(path))
    else:
        facts, table = _stack(path, images_as)
    if as_json:
        typer.echo(json.dumps(facts, indent=1))
    else:
        console().print(table)


def _weights(path: Path) -> "tuple[dict[str, Any], Table]":
    from am4cm_cli.reports.cards import weights_card, weights_table
    from am4cm_cli.weights import load_weights

    card = weights_card(load_weights(path))
    return card, weights_table(card)


def _prepared(path: Path) -> "tuple[dict[str, Any], Table]":
    from dataclasses import asdict

    from am4cm_cli.datasets.pixels import read_index
    from am4cm_cli.reports.cards import prepared_table

    index = read_index(path)
    return asdict(index), prepared_table(str(path), index)


def _mask(path: Path) -> "tuple[dict[str, Any], Table]":
    from am4cm_cli.reports.inspection import inspect_mask
    from am4cm_cli.reports.tables import mask_table

    report = inspect_mask(path)
    return report.to_dict(), mask_table(report)


def _stack(source: str, images_as: StackOptions) -> "tuple[dict[str, Any], RenderableType]":
    from rich.console import Group

    from am4cm_cli.reports.inspection import inspect_stack
    from am4cm_cli.reports.tables import product_table, stack_table
    from am4cm_cli.stacks.discovery import find_stack

    with waiting(f"Looking at {source}"):
        report = inspect_stack(find_stack(source, images_as))
    products = product_table(report)
    below: list[RenderableType] = ["", products] if products else []
    return report.to_dict(), Group(stack_table(report), *below)
