"""How command lines are read: options of all commands anywhere, and mistakes told with a remedy."""

from collections import deque
from collections.abc import Iterable
from datetime import datetime
from enum import Enum
from inspect import cleandoc, signature
from pathlib import Path
from typing import Any, get_args

from typer.core import TyperCommand, TyperGroup

from am4cm_cli.commands.catalogue import name_variables
from am4cm_cli.commands.mistakes import UsageError, known_options, nearest
from am4cm_cli.commands.usage import typer_style
from am4cm_cli.commands.voice import Voice, speak

FLAGS = {"--quiet", "-q", "--verbose", "-v", "--log-json"}
VALUED = "--config"
EVERYWHERE = (*FLAGS, VALUED)
"""Options that may stand before the command or after it."""
MOST_CHOICES = 24
"""Characters of choices that the help has room for beside an option."""


class Command(TyperCommand):
    """A command, shown with short types and completed with the options of all."""

    bears_faults = False
    """Whether it runs where settings files have faults."""

    def __init__(self, name: str | None, **attributes: Any) -> None:
        """Make it as Typer does."""
        super().__init__(name, **attributes)
        self.help = reflow(self.help)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Refuse unknown options where unknown words are let pass, as numbers below 0 are."""
        if ctx.ignore_unknown_options:
            refuse_unknown(ctx, args)
        try:
            return super().parse_args(ctx, args)
        except UsageError:
            # What is lacking may stand in a file that could not be read.
            self._refuse_faults(ctx)
            raise

    def invoke(self, ctx: Any) -> Any:
        """Run it, unless settings files have faults; its help was shown before, with or without."""
        self._refuse_faults(ctx)
        return super().invoke(ctx)

    def _refuse_faults(self, ctx: Any) -> None:
        faults = () if self.bears_faults or ctx.obj is None else ctx.obj.faults
        if faults:
            raise faults[0] from None

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the help."""
        shorten_types(self, ctx)
        typer_style()
        super().format_help(ctx, formatter)

    def shell_complete(self, ctx: Any, incomplete: str) -> Any:
        """Complete options of the command, then those of all commands."""
        root = ctx.find_root()
        shared = [
            item
            for item in root.command.shell_complete(root, incomplete)
            if incomplete.startswith("-") and item.value in EVERYWHERE
        ]
        return [*super().shell_complete(ctx, incomplete), *shared]


class FaultTeller(Command):
    """A command that tells faults in settings files itself, among what it shows."""

    bears_faults = True


class Group(TyperGroup):
    """Commands under one name."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the help."""
        shorten_types(self, ctx)
        typer_style()
        super().format_help(ctx, formatter)


class Commands(Group):
    """All commands of the program."""

    def __init__(self, **attributes: Any) -> None:
        """Make them as Typer does, and name the variables of the environment by their options."""
        super().__init__(**attributes)
        name_variables(self)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read options of all commands wherever they stand."""
        shared, rest = hoist(args)
        if "--log-json" in shared:  # what is wrong with the rest is to be told so, too
            speak(Voice(as_json=True))
        return super().parse_args(ctx, [*shared, *rest])


def hoist(words: Iterable[str]) -> tuple[list[str], list[str]]:
    """Part the options of all commands from the other words; after -- nothing is an option.

    Where --config lacks its value, the other words are left out: Click tells what is wrong.
    """
    shared: list[str] = []
    rest: list[str] = []
    left = deque(words)
    while left:
        word = left.popleft()
        if word == "--":
            rest += [word, *left]
            break
        if word in FLAGS or word.startswith(f"{VALUED}="):
            shared.append(word)
        elif word == VALUED and left:
            shared += [word, left.popleft()]
        elif word == VALUED:  # Click would take the next word, the command, for its value
            return [*shared, word], []
        else:
            rest.append(word)
    return shared, rest


def refuse_unknown(context: Any, words: Iterable[str]) -> None:
    """Fail for words that look like long options and are none."""
    known = known_options(context)
    for word in words:
        name = word.partition("=")[0]
        if word == "--":
            return
        if name.startswith("--") and name not in known:
            raise UsageError(f"No such option: {name}.{nearest(name, known)}", context)


def reflow(text: str | None) -> str | None:
    """Join the lines of each paragraph, which then wrap at the terminal's width."""
    if text is None:
        return None
    return "\n\n".join(" ".join(part.split()) for part in cleandoc(text).split("\n\n"))


def shorten_types(command: Any, context: Any) -> None:
    """Leave room for the help of options: flags show no type, others a word, few choices all."""
    signed = signature(command.callback).parameters if command.callback else {}
    for option in command.get_params(context):
        if option.param_type_name == "option" and option.metavar is None:
            given = signed.get(option.name)
            option.metavar = _type(given.annotation) if given is not None else ""


def _type(annotation: Any) -> str:
    """The word for an option's type."""
    kind = get_args(annotation)[0]
    kinds = {each for each in (kind, *get_args(kind)) if isinstance(each, type)}
    for each in kinds:
        if issubclass(each, Enum):
            choices = "|".join(str(choice.value) for choice in each)
            return choices if len(choices) <= MOST_CHOICES else "NAME"
    words = {bool: "", Path: "FILE", int: "N", float: "NUMBER", datetime: "DATE"}
    return next((word for one, word in words.items() if one in kinds), "TEXT")
