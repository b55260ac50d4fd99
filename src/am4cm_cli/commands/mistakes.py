"""Mistyped words: the nearest right one, and where a wrong value came from."""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any, cast

import typer

UsageError = cast(type[typer.BadParameter], typer.BadParameter.__base__)
"""Wrong usage of any kind; Typer brings Click's with it under a name that is not for others."""

_COMMAND = re.compile(r"No such command '(?P<given>[^']*)'\.")
_CHOICE = re.compile(r"'(?P<given>[^']*)' is not one of (?P<known>.+?)\.?$", re.DOTALL)


def nearest(word: str, known: Iterable[str]) -> str:
    """A sentence that offers the known word most like another; empty if none is."""
    words = {each.lower(): each for each in known}
    close = get_close_matches(word.lower(), words, n=1, cutoff=0.6)
    return f" Did you mean {words[close[0]]}?" if close else ""


def tell_mistake(error: Any) -> str:
    """What is wrong with a command line, what may have been meant, and who gave the value."""
    said, origin = _tell(error), _origin(error)
    if origin and not said.endswith((".", "?")):
        said += "."
    return f"{said}{origin}"


def _tell(error: Any) -> str:
    unknown = getattr(error, "option_name", None)
    if unknown is not None and error.message.startswith("No such option"):
        return f"No such option: {unknown}.{nearest(unknown, known_options(error.ctx))}"
    # Typer's newer versions put the words of the library before it that they check values with.
    text = str(error.format_message()).replace("Value error, ", "")
    if found := _COMMAND.fullmatch(text):  # newer versions of Typer add the suggestion
        return f"{text}{nearest(found['given'], error.ctx.command.commands)}"
    if found := _CHOICE.search(text):
        known = [word.strip(" '") for word in found["known"].split(",")]
        text = f"{text.rstrip('.')}.{nearest(found['given'], known)}"
    return text


def known_options(context: Any) -> list[str]:
    """All options that can be given to a command, those of every command included."""
    if context is None:
        return []
    commands = {id(each.command): each.command for each in (context, context.find_root())}
    words: list[str] = [
        word
        for command in commands.values()
        for option in command.params
        if option.param_type_name == "option"
        for word in (*option.opts, *option.secondary_opts)
    ]
    return [*words, *context.help_option_names]


def _origin(error: Any) -> str:
    """Where the value is from, if it is not from the command line."""
    context, option = error.ctx, _option(error)
    if context is None or option is None:
        return ""
    source = context.get_parameter_source(option.name)
    if source is None:
        return ""
    if source.name == "ENVIRONMENT":
        return f" It is from the environment's {option.envvar}."
    if source.name == "DEFAULT_MAP" and context.obj is not None:
        return f" It is from {context.obj.origin(option.envvar)}."
    return ""


def _option(error: Any) -> Any:
    """The option that an error is about: it says so, or names it in its hint."""
    if getattr(error, "param", None) is not None or error.ctx is None:
        return getattr(error, "param", None)
    words = set(re.findall(r"--[\w-]+", str(getattr(error, "param_hint", None) or "")))
    return next((each for each in error.ctx.command.params if words & {*each.opts}), None)
