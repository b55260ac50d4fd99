"""Settings files: options that hold for a folder, or for a user, until the command line differs."""

import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import typer

from am4cm_cli.commands.catalogue import Known
from am4cm_cli.commands.mistakes import nearest
from am4cm_cli.errors import SettingsError, first_line
from am4cm_cli.files import is_file

PROJECT = "am4cm.toml"
"""In the working folder, or the nearest folder above it that has one."""
INSIDE = {"labels", "fields"}
"""Files that `prepare` looks for in each of its sources, so that their paths stay as they are."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What a file says of one option."""

    option: Known
    value: Any
    """A text, a list of texts or a bool, as the command line would give it."""
    file: Path

    @property
    def origin(self) -> str:
        """Where it stands, for messages."""
        return f"{self.file}: {self.option.place}"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What files say of all options; of two that say something, the stronger one counts."""

    files: Mapping[Path, bool]
    """Where they may be, and whether they are there; the weakest first."""
    found: Mapping[str, Setting]
    """By the variable of the environment that sets the same."""
    faults: tuple[SettingsError, ...] = ()
    """What the files say that cannot be; what they say beside it is found all the same."""

    def origin(self, variable: str) -> str:
        """Where an option is set."""
        return self.found[variable].origin

    def of_all(self, name: str) -> Any:
        """What the files say of an option of all commands; None for nothing."""
        told = [s for s in self.found.values() if not s.option.command and s.option.name == name]
        return told[0].value if told else None

    def defaults(self) -> dict[str, Any]:
        """By command and parameter, as Click's default_map."""
        tree: dict[str, Any] = {}
        for setting in self.found.values():
            branch = tree
            for word in setting.option.command:
                branch = branch.setdefault(word, {})
            branch[setting.option.name] = setting.value
        return tree


def user_file() -> Path:
    """Where a user's own settings are, by the customs of the system."""
    return Path(typer.get_app_dir("am4cm")) / "config.toml"


def settings_files(named: Path | None) -> dict[Path, bool]:
    """Where settings may be, and whether they are there; the weakest first.

    They are the user's own and the project's, or the one that is named alone.

    Raises:
        SettingsError: the working folder is gone.
    """
    try:
        here = Path.cwd()
    except FileNotFoundError as error:
        raise SettingsError("The working folder was removed; change to one that exists.") from error
    if named is not None:
        return {named: True}
    above = (folder / PROJECT for folder in (here, *here.parents))
    project = next((path for path in above if is_file(path)), here / PROJECT)
    return {path: is_file(path) for path in (user_file(), project)}


def read_settings(files: Mapping[Path, bool], known: Sequence[Known]) -> Settings:
    """Read settings files, as `settings_files` finds them; what cannot be is told as `faults`."""
    found: dict[str, Setting] = {}
    faults: list[SettingsError] = []
    for file in (file for file, there in files.items() if there):
        for said in _said(file, known):
            if isinstance(said, Setting):
                found[said.option.variable] = said
            else:
                faults.append(said)
    return Settings(files=files, found=found, faults=tuple(faults))


def _said(file: Path, known: Sequence[Known]) -> Iterator[Setting | SettingsError]:
    """What a file sets, and each fault in its place."""
    try:
        tree = _parse(file)
    except SettingsError as fault:
        yield fault
        return
    for entry in _entries(tree, file, known):
        try:
            yield entry if isinstance(entry, SettingsError) else _setting(file, *entry, known)
        except SettingsError as fault:
            yield fault


def _setting(
    file: Path, words: tuple[str, ...], key: str, value: Any, known: Sequence[Known]
) -> Setting:
    option = _option(file, words, key, known)
    try:
        return Setting(option=option, value=_as_given(option, value, file), file=file)
    except ValueError as error:  # more digits than Python turns into text
        raise SettingsError(f"{file}: {option.place} is too large a number.") from error


def _parse(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        what = error.strerror if isinstance(error, OSError) else first_line(error)
        raise SettingsError(
            f"{file}: cannot be read as TOML ({what}). Mend it, or name another with --config."
        ) from error


def _entries(
    tree: Mapping[str, Any], file: Path, known: Sequence[Known], words: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], str, Any] | SettingsError]:
    """What a file says: the words of the command, the key and the value of each entry."""
    commands = {option.command[: len(words) + 1] for option in known}
    for key, value in tree.items():
        inner = (*words, key if key.isprintable() else repr(key))
        if inner in commands:
            if isinstance(value, dict):
                yield from _entries(value, file, known, inner)
                continue
            yield SettingsError(
                f"{file}: {key} is a command of am4cm; expected a table [{'.'.join(inner)}]."
            )
        elif isinstance(value, dict):
            names = [path[-1] for path in commands if len(path) == len(inner)]
            yield SettingsError(
                f"{file}: [{'.'.join(inner)}] is no command of am4cm.{nearest(key, names)} "
                "am4cm --help lists them."
            )
        else:
            yield words, inner[-1], value


def _option(file: Path, words: tuple[str, ...], key: str, known: Sequence[Known]) -> Known:
    options = {option.key: option for option in known if option.command == words}
    if key in options:
        return options[key]
    command = " ".join(["am4cm", *words])
    place = f"[{'.'.join(words)}] {key}" if words else key
    others = [option.table for option in known if option.key == key and option.command]
    where = f" It belongs into {' or '.join(others)}." if others and not words else ""
    raise SettingsError(
        f"{file}: {place} is no option of {command}.{nearest(key, options) or where} "
        f"{command} --help lists them, here without their dashes."
    )


def _as_given(option: Known, value: Any, file: Path) -> Any:
    """A value of TOML as the command line would give it."""
    place = f"{file}: {option.place}"
    if option.is_flag:
        if not isinstance(value, bool):
            raise SettingsError(f"{place} is {value!r}; expected true or false.")
        return value
    several = value if isinstance(value, list) else [value]
    if not all(isinstance(each, str | int | float | date) for each in several) or any(
        isinstance(each, bool) for each in several
    ):
        raise SettingsError(f"{place} is {value!r}; expected a text, a number or a date.")
    texts = [str(each) for each in several]
    if any("\0" in text for text in texts):
        raise SettingsError(f"{place} is {value!r}; expected a text without null characters.")
    if option.is_path:
        texts = [_path(option, text, file) for text in texts]
    return texts if option.is_list else ",".join(texts)


def _path(option: Known, text: str, file: Path) -> str:
    """A path from the folder of the file that says it; names of weights stay names."""
    if text == "-" or option.name in INSIDE:
        return text
    path = Path(os.path.expanduser(text))  # noqa: PTH111 - Path's own fails without a home
    beside = file.absolute().parent / path
    if option.name == "weights" and path.name == text and not beside.exists():
        return text
    return str(beside)
