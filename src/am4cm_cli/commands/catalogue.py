"""Every option that a settings file or the environment can set, read off the commands."""

from collections.abc import Iterator
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from typing import Any, get_args

PREFIX = "AM4CM"
NEVER = {"version", "help", "settings_file", "install_completion", "show_completion"}
"""Options that make no sense for good."""


@dataclass(frozen=True, kw_only=True)
class Known:
    """An option as people write it, and as its command takes it."""

    command: tuple[str, ...]
    """Words of its command, such as download, pastis; none if it is of all commands."""
    key: str
    """In files, such as max-memory."""
    name: str
    """Of the parameter, such as max_memory."""
    default: Any
    is_flag: bool
    is_list: bool
    """May be given several times."""
    is_path: bool

    @property
    def table(self) -> str:
        """Of the file, such as [download.pastis]; empty above all tables."""
        return f"[{'.'.join(self.command)}]" if self.command else ""

    @property
    def place(self) -> str:
        """In a file, for messages, such as [mask] max-memory."""
        return f"{self.table} {self.key}".strip()

    @property
    def variable(self) -> str:
        """Of the environment, such as AM4CM_MASK_MAX_MEMORY."""
        return "_".join([PREFIX, *self.command, self.key]).upper().replace("-", "_")


def name_variables(group: Any) -> None:
    """Let each option of a group's commands take its value from the environment, too.

    Click's own names come from parameters, which are not always called what users write.
    """
    for option, known in _walk(group):
        option.envvar, option.show_envvar = known.variable, False


def catalogue(group: Any) -> list[Known]:
    """All that can be set."""
    return [known for _, known in _walk(group)]


def _walk(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[Any, Known]]:
    for option in command.params:
        if option.param_type_name == "option" and option.name not in NEVER:
            yield option, _known(command, option, words)
    for name, inner in getattr(command, "commands", {}).items():
        yield from _walk(inner, (*words, name))


def _known(command: Any, option: Any, words: tuple[str, ...]) -> Known:
    parameter = signature(command.callback).parameters[option.name]
    kind = get_args(parameter.annotation)[0]
    return Known(
        command=words,
        key=max(option.opts, key=len).lstrip("-"),
        name=option.name,
        default=parameter.default,
        is_flag=option.is_flag,
        is_list=option.multiple,
        is_path=Path in (kind, *get_args(kind)),
    )
