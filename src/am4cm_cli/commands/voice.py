"""How commands speak: on standard error alone, as much and in the form that was asked for."""

import json
import logging
import os
import sys
import traceback
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from rich.console import Console
from rich.text import Text

LOG = logging.getLogger("am4cm_cli")
"""Parent of the loggers that modules of the library have by their names."""
GDAL, PYTHON = "rasterio", "py.warnings"
"""Loggers of what these two warn of."""
FACTS = "facts"
"""Of a record: what --log-json tells beside its message, as a mapping."""


@dataclass(frozen=True, kw_only=True)
class Voice:
    """How much is said, and in which form."""

    quiet: bool = False
    """Errors only."""
    verbose: bool = False
    """Also what the library notes, and what GDAL and Python warn of."""
    as_json: bool = False
    """A JSON object a line."""

    @property
    def level(self) -> int:
        """The least level that is said."""
        return logging.ERROR if self.quiet else logging.DEBUG if self.verbose else logging.INFO


def colours() -> Literal["auto"] | None:
    """Which colours a console has: none, and no styles, where NO_COLOR is set.

    Rich sees to the rest: FORCE_COLOR, TERM=dumb and files.
    """
    return None if os.getenv("NO_COLOR") else "auto"


def console(*, stderr: bool = False) -> Console:
    """A console of standard output, or of standard error."""
    return Console(stderr=stderr, highlight=False, emoji=False, color_system=colours())


stderr = console(stderr=True)


class Lines(logging.Handler):
    """A line for people: messages as they are, errors and warnings by name, notes with the time."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one record."""
        text = record.getMessage().strip()
        if record.levelno >= logging.ERROR:
            line = Text.assemble(("error:", "red"), " ", text)
        elif record.levelno == logging.WARNING:
            line = Text.assemble(("warning:", "yellow"), " ", text)
        elif record.levelno <= logging.DEBUG:
            line = Text(f"{record.relativeCreated / 1000:7.2f} s  {text}", style="dim")
        else:
            line = Text(text)
        stderr.print(line, soft_wrap=True)


class JsonLines(logging.Handler):
    """A line for machines."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one record."""
        told = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "message": record.getMessage().strip(),
            **getattr(record, FACTS, {}),
        }
        if record.exc_info and record.exc_info[1]:
            told["traceback"] = "".join(traceback.format_exception(record.exc_info[1]))
        sys.stderr.write(json.dumps(told) + "\n")
        sys.stderr.flush()


def speak(voice: Voice) -> None:
    """Send the log to standard error from here on; the last call counts."""
    handler = JsonLines(voice.level) if voice.as_json else Lines(voice.level)
    LOG.handlers[:] = [handler]
    LOG.propagate = False
    LOG.setLevel(voice.level)
    # Python's warnings go where they always went, unless they are to be hidden or to be JSON.
    logging.captureWarnings(voice != Voice())
    _hear(PYTHON, handler if voice != Voice() else None)
    _hear(GDAL, handler if voice.verbose else None)


def _hear(name: str, handler: logging.Handler | None) -> None:
    """Give a logger of others this handler in place of an earlier one of ours."""
    logger = logging.getLogger(name)
    kept = [each for each in logger.handlers if not isinstance(each, Lines | JsonLines)]
    logger.handlers[:] = kept if handler is None else [*kept, handler]


def says_json() -> bool:
    """Whether standard error is for machines."""
    return any(isinstance(handler, JsonLines) for handler in LOG.handlers)


def is_live() -> bool:
    """Whether a bar can be drawn: on a terminal that moves its cursor, unless all is to be quiet.

    FORCE_COLOR makes no terminal of a file.
    """
    return sys.stderr.isatty() and not stderr.is_dumb_terminal and LOG.isEnabledFor(logging.INFO)


speak(Voice())  # commands can be called by themselves, too, without the program around them
