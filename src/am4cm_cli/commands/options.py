"""Options that several commands share."""

import os
import re
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from am4cm_cli.commands.completion import complete_device, complete_weights
from am4cm_cli.commands.mistakes import nearest
from am4cm_cli.files import is_file
from am4cm_cli.published import PUBLISHED, published_weights


class Kind(StrEnum):
    """What a reference is; the names are those of `references.KINDS`."""

    NPZ = "npz"
    SCL = "scl"
    MAJA = "maja"
    PROBABILITY = "probability"
    CLASSES = "classes"


def find_weights(value: Path | None) -> Path | None:
    """Take the name of weights that come with am4cm for their file; a file of that name counts."""
    if value is None or is_file(value):
        return value
    if path := published_weights(str(value)) if str(value) in PUBLISHED else None:
        return path
    raise typer.BadParameter(
        f"{value}: no such file, nor weights that come with am4cm, which are "
        f"{', '.join(PUBLISHED)}.{nearest(str(value), PUBLISHED)}"
    )


def parse_bytes(text: str) -> int:
    """Turn `2GB`, `500 MB` or a plain number into bytes."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kMGT]?)(i?)B?\s*", text, re.IGNORECASE)
    if not found or float(found[1]) == 0:
        raise typer.BadParameter(f"{text!r}: expected a size such as 2GB or 500MB")
    power = " KMGT".index(found[2].upper() or " ")
    return int(float(found[1]) * (1024 if found[3] else 1000) ** power)


def split_names(text: str | None) -> list[str] | None:
    """Split a comma-separated option; None stays None."""
    if text is None:
        return None
    parts = [part.strip() for part in text.split(",")]
    if not all(parts):
        raise typer.BadParameter(f"{text!r}: expected names between commas, such as B02,B03")
    return parts


def check_map(text: str) -> None:
    """Refuse a --map that is none."""
    from am4cm_cli.errors import DataError
    from am4cm_cli.validation.classmaps import parse_map

    try:
        parse_map(text)
    except DataError as error:
        raise typer.BadParameter(str(error).removeprefix("--map: ")) from error


def checked_by(parse: Callable[[str], object]) -> Callable[[str | None], str | None]:
    """A callback that refuses what a command could not parse later, when it knows no option.

    Click names the option of what a callback refuses, and so the file or variable that set it.
    """

    def check(text: str | None) -> str | None:
        if text is not None:
            parse(text)
        return text

    return check


SPEED = "Speed"
OUTPUTS = "Outputs"
REFERENCE = "Reference"
"""Panels of the help."""

Weights = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Trained weights, a file or one of those that come with am4cm: "
        f"{', '.join(PUBLISHED)}. Default: the first of these.",
        callback=find_weights,
        autocompletion=complete_weights,
        show_default=False,
    ),
]
ReferenceKind = Annotated[
    Kind | None,
    typer.Option(
        help="What the reference is: npz, scl, maja, classes or probability (clear below 10 %, "
        "cloud above 70 %). Default: recognised.",
        show_default=False,
        rich_help_panel=REFERENCE,
    ),
]
ReferenceMap = Annotated[
    str | None,
    typer.Option(
        "--map",
        metavar="0=clear,1=cloud,...",
        callback=checked_by(check_map),
        help="What its numbers mean: clear, thick (or cloud), thin, shadow, snow, unknown.",
        show_default=False,
        rich_help_panel=REFERENCE,
    ),
]
MaxMemory = Annotated[
    str,
    typer.Option(
        metavar="SIZE",
        callback=checked_by(parse_bytes),
        help="What it may take beside some 0.4 GB of the program itself.",
        rich_help_panel=SPEED,
    ),
]
Threads = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=1,
        help="That compute. Default: all cores.",
        show_default=False,
        rich_help_panel=SPEED,
    ),
]
Overwrite = Annotated[
    bool,
    typer.Option("--overwrite", help="Replace an output that exists.", rich_help_panel=OUTPUTS),
]
SkipBad = Annotated[
    bool,
    typer.Option(
        "--skip-bad",
        help="Go on without images that cannot be read; each is named.",
        rich_help_panel="Images",
    ),
]
Device = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="Where to compute: auto, cpu, cuda, cuda:1 or mps.",
        autocompletion=complete_device,
        rich_help_panel=SPEED,
    ),
]


def refuse(context: typer.Context, names: Sequence[str], where: str) -> None:
    """Refuse options that were given but mean nothing for what was asked for.

    Args:
        context: of the command.
        names: of the parameters.
        where: they mean nothing, such as "with --each" or "without --images".
    """
    for name in names:
        if is_given(context, name):
            hint = option_hint(context, name)
            raise typer.BadParameter(f"has no use {where}", param_hint=hint)


def option_hint(context: typer.Context, name: str) -> str:
    """The option, or the argument, of a parameter, as messages of wrong usage show it."""
    parameter: Any = next(each for each in context.command.params if each.name == name)
    is_option = parameter.param_type_name == "option"
    return f"'{parameter.opts[0] if is_option else parameter.metavar}'"


def is_given(context: typer.Context, name: str) -> bool:
    """Whether an option is on the command line; what is set for good may be of no use at times."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def is_set(context: typer.Context, name: str) -> bool:
    """Whether an option is given, on the command line or for good."""
    source = context.get_parameter_source(name)
    return source is not None and source.name != "DEFAULT"


def cores() -> int:
    """How many --workers to take by default; more than 16 wait for the memory."""
    return min(16, os.cpu_count() or 1)
