"""`am4cm doctor`: whether everything is in order."""

from pathlib import Path
from typing import Annotated

import typer

from am4cm_cli.commands.console import progress, say, unwind
from am4cm_cli.commands.settings import Settings
from am4cm_cli.commands.voice import console


def doctor(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """Look whether everything that masks need is there and works.

    Versions, devices, GDAL's formats, the checksums of the weights, room on the
    disk and in memory; and a tiny simulated stack is masked and compared with
    its known clouds. Exit code 1 if anything that masks need is broken; what is
    marked none is not needed, and the last column tells what it would add.
    """
    import json

    from am4cm_cli.health.checkup import check_health
    from am4cm_cli.health.settings import look_at_settings
    from am4cm_cli.reports.health import health_table

    unwind()
    settings: Settings = context.obj
    beside = look_at_settings(settings.faults)
    health = check_health(Path(), beside=beside, track=progress("Looking"))
    if as_json:
        typer.echo(json.dumps(health.to_dict(), indent=1))
    else:
        console().print(health_table(health))
    if not health.whole:
        say("Something that masks need is broken; the rows marked BROKEN say what to do.")
        raise typer.Exit(1)
    say("Everything that masks need is there and works.")
