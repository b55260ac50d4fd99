"""Wrong usage, as it is shown."""

from types import ModuleType
from typing import Any

from am4cm_cli.commands.mistakes import UsageError, tell_mistake
from am4cm_cli.commands.voice import LOG, colours, says_json


def show_usage_error(error: Any) -> None:
    """Tell what is wrong with a command line; nothing where its help was shown instead."""
    message = tell_mistake(error)
    if not message:
        return
    if says_json():
        LOG.error(message)
        return
    typer_style().rich_format_error(UsageError(message, error.ctx))


def typer_style() -> ModuleType:
    """What Typer prints help and errors with, told of NO_COLOR: it would leave bold and dim."""
    from typer import rich_utils

    rich_utils.COLOR_SYSTEM = colours()
    return rich_utils
