"""Options that several commands share."""

import os
import re
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Kind(StrEnum):
    """What a reference is; the names are those of `references.KINDS`."""

    NPZ = "npz"
    SCL = "scl"
    MAJA = "maja"
    PROBABILITY = "probability"
    CLASSES = "classes"


Weights = Annotated[
    Path | None,
    typer.Option(
        help="Trained weights. Default: those that come with am4cm.",
        exists=True,
        dir_okay=False,
        show_default=False,
    ),
]
MaxMemory = Annotated[
    str, typer.Option(help="What it may take beside some 0.4 GB of the program itself.")
]
Threads = Annotated[
    int | None, typer.Option(min=1, help="That compute. Default: all cores.", show_default=False)
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an output that exists.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.")]


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
        raise typer.BadParameter(f"{text!r}: expected names such as B02,B03,B04")
    return parts


def refuse(context: typer.Context, names: Sequence[str], kind: str) -> None:
    """Refuse options that were given but mean nothing for what was asked for."""
    for name in names:
        if is_given(context, name):
            hint = option_hint(context, name)
            raise typer.BadParameter(f"has no use with {kind}", param_hint=hint)


def option_hint(context: typer.Context, name: str) -> str:
    """The option of a parameter, as messages of wrong usage show it."""
    option = next(p.opts[0] for p in context.command.params if p.name == name)
    return f"'{option}'"


def is_given(context: typer.Context, name: str) -> bool:
    """Whether the user gave an option."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def cores() -> int:
    """How many --workers to take by default; more than 16 wait for the memory."""
    return min(16, os.cpu_count() or 1)
