"""The command line: every command, and the one place where errors become messages."""

import os
import sys
from types import TracebackType
from typing import Annotated

import typer
from rich.markup import escape

from am4cm_cli import __version__
from am4cm_cli.commands.calibrate import calibrate
from am4cm_cli.commands.composite import composite
from am4cm_cli.commands.console import stderr
from am4cm_cli.commands.download import download
from am4cm_cli.commands.draw import draw
from am4cm_cli.commands.evaluate import evaluate
from am4cm_cli.commands.explain import SETTINGS, explain
from am4cm_cli.commands.export import export
from am4cm_cli.commands.info import info
from am4cm_cli.commands.mask import mask
from am4cm_cli.commands.prepare import prepare
from am4cm_cli.commands.report import report
from am4cm_cli.commands.simulate import simulate
from am4cm_cli.commands.test import score
from am4cm_cli.commands.train import train
from am4cm_cli.errors import Am4cmError
from am4cm_cli.signals import die_at_once

app = typer.Typer(
    help="Cloud masks for Sentinel-2 time series, from attention learned without cloud labels.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (
    *(mask, export, composite, info, draw, report, evaluate, calibrate, prepare, train, simulate),
):
    app.command()(command)
app.command("test")(score)
app.command(context_settings=SETTINGS)(explain)
app.add_typer(download, name="download")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"am4cm {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Declare the options that stand before any command."""
    _overlook_log()  # here, since Typer puts up a hook of its own when it is called


def _overlook_log() -> None:
    """Keep quiet where GDAL warns of a damaged file in words that rasterio cannot log.

    Its callback prints such an error by the one hook, then by the other, and goes on. Reading the
    file tells in any case if it can be used.
    """

    def raised(
        kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        if trace is not None or kind is not UnicodeDecodeError:
            sys.__excepthook__(kind, error, trace)

    def unraised(unraisable: "sys.UnraisableHookArgs") -> None:
        if unraisable.object != "rasterio._env.log_error":
            sys.__unraisablehook__(unraisable)

    sys.excepthook, sys.unraisablehook = raised, unraised


def main() -> None:
    """Run the command line: exit code 0 done, 1 error, 2 usage, 130 interrupted."""
    die_at_once()
    try:
        app()
    except Am4cmError as error:
        stderr.print(f"[red]error:[/] {escape(str(error))}", soft_wrap=True)
        raise SystemExit(1) from None
    except BrokenPipeError:
        # Whoever read standard output has gone; the interpreter must not flush into it again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None
