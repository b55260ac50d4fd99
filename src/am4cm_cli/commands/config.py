"""`am4cm config`: what holds for good, and who said so."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any

import typer

from am4cm_cli.commands.catalogue import PREFIX, Known, catalogue
from am4cm_cli.commands.console import complain, say
from am4cm_cli.commands.mistakes import nearest
from am4cm_cli.commands.settings import Settings
from am4cm_cli.commands.voice import console

BUILT_IN = "built in"


@dataclass(frozen=True, kw_only=True)
class InForce:
    """The value that an option has where the command line gives none."""

    command: str
    option: str
    value: Any
    origin: str
    """A variable of the environment, a file, or BUILT_IN."""


def config(
    context: typer.Context,
    command: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="COMMAND",
            help="Show all options of this command, such as mask. Default: what is set, of all.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    r"""Show what settings files and the environment set, and where.

    An option is taken from the command line, else from the environment
    (AM4CM_MASK_MAX_MEMORY), else from am4cm.toml in this folder or the nearest
    one above, else from your own file, else it is what is built in.

    A file has a table for each command, with its options without dashes:
    \[mask], then max-memory = "4GB". Paths are relative to the file.
    """
    settings: Settings = context.obj
    words = tuple(command or ())
    known = catalogue(context.find_root().command)
    if words and words not in {option.command for option in known}:
        names = sorted({" ".join(option.command) for option in known if option.command})
        given = " ".join(words)
        raise typer.BadParameter(
            f"{given}: no command with options.{nearest(given, names)}", param_hint="'COMMAND'"
        )
    found = [
        in_force(option, settings) for option in known if option.command[: len(words)] == words
    ]
    shown = [one for one in found if words or one.origin != BUILT_IN]
    if as_json:
        _print_json(settings, shown)
    else:
        _print_tables(settings, shown)
    for variable in unknown_variables(os.environ, known):
        names = [option.variable for option in known]
        say(f"{variable} sets nothing: no option is called so.{nearest(variable, names)}")
    if settings.faults:
        for fault in settings.faults:
            complain(str(fault))
        raise typer.Exit(1)


def in_force(option: Known, settings: Settings) -> InForce:
    """The value of an option, and where it is from."""
    setting = settings.found.get(option.variable)
    if text := os.environ.get(option.variable):
        value, origin = text, option.variable
    elif setting is not None:
        value, origin = setting.value, str(setting.file)
    else:
        value, origin = option.default, BUILT_IN
    return InForce(command=" ".join(option.command), option=option.key, value=value, origin=origin)


def unknown_variables(environment: Mapping[str, str], known: Sequence[Known]) -> list[str]:
    """Variables that look like ours and are none."""
    ours = {option.variable for option in known} | {f"{PREFIX}_CONFIG"}
    return sorted(
        name for name in environment if name.startswith(f"{PREFIX}_") and name not in ours
    )


def _print_json(settings: Settings, shown: Sequence[InForce]) -> None:
    import json

    facts = {
        "files": [{"path": str(path), "found": found} for path, found in settings.files.items()],
        "settings": [asdict(one) for one in shown],
    }
    typer.echo(json.dumps(facts, indent=1, default=str))


def _print_tables(settings: Settings, shown: Sequence[InForce]) -> None:
    from rich.table import Table

    out = console()
    for path, found in settings.files.items():
        out.print(f"{path}{'' if found else '  (not there)'}", soft_wrap=True, markup=False)
    if not shown:
        out.print("Nothing is set.")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("Command", "Option", "Value", "From"):
        table.add_column(title, overflow="fold")
    for one in shown:
        table.add_row(one.command or "all", one.option, _text(one.value), one.origin)
    out.print()
    out.print(table)


def _text(value: Any) -> str:
    from rich.markup import escape

    if value is None:
        return "-"
    if isinstance(value, bool):
        return str(value).lower()
    return escape(" ".join(value) if isinstance(value, list) else str(value))
