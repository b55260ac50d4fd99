"""The command line: every command, and the one place where errors become messages."""

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any

import typer

from am4cm_cli import __version__
from am4cm_cli.commands.calibrate import calibrate
from am4cm_cli.commands.catalogue import catalogue
from am4cm_cli.commands.composite import composite
from am4cm_cli.commands.config import config
from am4cm_cli.commands.doctor import doctor
from am4cm_cli.commands.download import download
from am4cm_cli.commands.draw import draw
from am4cm_cli.commands.evaluate import evaluate
from am4cm_cli.commands.examples import epilog
from am4cm_cli.commands.explain import SETTINGS, explain
from am4cm_cli.commands.export import export
from am4cm_cli.commands.grammar import Command, Commands, FaultTeller
from am4cm_cli.commands.info import info
from am4cm_cli.commands.mask import mask
from am4cm_cli.commands.mistakes import UsageError
from am4cm_cli.commands.prepare import prepare
from am4cm_cli.commands.report import report
from am4cm_cli.commands.settings import read_settings, settings_files
from am4cm_cli.commands.simulate import simulate
from am4cm_cli.commands.test import score
from am4cm_cli.commands.train import train
from am4cm_cli.commands.usage import show_usage_error
from am4cm_cli.commands.voice import LOG, Voice, says_json, speak
from am4cm_cli.errors import Am4cmError
from am4cm_cli.signals import die_at_once

EPILOG = (
    "These options may also follow the command. Any option can be set for good, in am4cm.toml or "
    "by AM4CM_... variables; am4cm config --help tells how.\n\n"
    "Exit codes: 0 done; 1 an error, told in one line; 2 wrong usage; 130 or 143 interrupted."
)

app = typer.Typer(
    cls=Commands,
    help="Cloud masks for Sentinel-2 time series, from attention learned without cloud labels.",
    epilog=EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

PANELS: Mapping[str, Mapping[str, Callable[..., None]]] = {
    "Masks": {"mask": mask, "export": export, "composite": composite},
    "Judge": {
        "info": info,
        "draw": draw,
        "report": report,
        "explain": explain,
        "evaluate": evaluate,
        "calibrate": calibrate,
    },
    "Train": {"prepare": prepare, "train": train, "test": score, "simulate": simulate},
    "More": {"config": config, "doctor": doctor},
}
"""Commands by the panel of the help that they stand in."""
TELL_FAULTS = {"config", "doctor"}
"""Commands that run where settings files have faults."""
SPECIAL = {"explain": SETTINGS}
"""Settings of Click's for single commands."""

for panel, commands in PANELS.items():
    for name, function in commands.items():
        app.command(
            name,
            cls=FaultTeller if name in TELL_FAULTS else Command,
            epilog=epilog(name),
            rich_help_panel=panel,
            context_settings=SPECIAL.get(name),
        )(function)
app.add_typer(download, name="download", rich_help_panel="Train")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"am4cm {__version__}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Say nothing but errors; no progress.")
    ] = False,
    verbose: Annotated[
        bool,
        typer.Option(
            "--verbose", "-v", help="Say what was decided, how long it took, what GDAL warns of."
        ),
    ] = False,
    log_json: Annotated[
        bool,
        typer.Option("--log-json", help="Say everything as JSON, an object a line; progress, too."),
    ] = False,
    settings_file: Annotated[
        Path | None,
        typer.Option(
            "--config",
            metavar="FILE",
            help="Settings to use in place of am4cm.toml and your own.",
            envvar="AM4CM_CONFIG",
            exists=True,
            dir_okay=False,
            show_default=False,
        ),
    ] = None,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Take the options of all commands, and those that files set for good."""
    _overlook_log()  # here, since Typer puts up a hook of its own when it is called
    files = settings_files(settings_file)
    settings = read_settings(files, catalogue(context.command))
    context.obj, context.default_map = settings, settings.defaults()
    chosen = Voice(
        quiet=quiet or bool(settings.of_all("quiet")),
        verbose=verbose or bool(settings.of_all("verbose")),
        as_json=log_json or bool(settings.of_all("log_json")),
    )
    if chosen.quiet and chosen.verbose:
        raise typer.BadParameter("has no use with --quiet", param_hint="'--verbose'")
    speak(chosen)
    _tell_setting(files)


def _tell_setting(files: Mapping[Path, bool]) -> None:
    LOG.debug(f"am4cm {__version__}, Python {sys.version.split()[0]} on {sys.platform}")
    for file in (file for file, there in files.items() if there):
        LOG.debug(f"settings of {file}")


def _overlook_log() -> None:
    """Keep quiet where GDAL warns of a damaged file in words that rasterio cannot log.

    Its callback prints such an error by the one hook, then by the other, and goes on. Reading the
    file tells in any case if it can be used.
    """

    def raised(
        kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        if trace is None and kind is UnicodeDecodeError:
            return
        if says_json():
            LOG.critical(f"{kind.__name__}: {error}", exc_info=error)
        else:
            sys.__excepthook__(kind, error, trace)

    def unraised(unraisable: "sys.UnraisableHookArgs") -> None:
        if unraisable.object != "rasterio._env.log_error":
            sys.__unraisablehook__(unraisable)

    sys.excepthook, sys.unraisablehook = raised, unraised


def main() -> None:
    """Run the command line: exit code 0 done, 1 error, 2 usage, 130 or 143 interrupted."""
    die_at_once()
    speak(Voice())
    try:
        code: Any = app(standalone_mode=False)
    except Am4cmError as error:
        LOG.error(str(error))
        raise SystemExit(1) from None
    except UsageError as error:
        show_usage_error(error)
        raise SystemExit(2) from None
    except BrokenPipeError:
        # Whoever read standard output has gone; the interpreter must not flush into it again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None
    raise SystemExit(code if isinstance(code, int) else 0)
