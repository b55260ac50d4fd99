"""A page for each command, made of what `--help` says."""

import re
from collections.abc import Iterator
from html import escape
from inspect import cleandoc
from textwrap import dedent
from typing import Any

import typer
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from am4cm_cli.app import app

PLACE = "Commands"
"""In the navigation, where the pages go."""
KEPT = "\b"
"""Stands before a paragraph whose lines Click leaves as they are."""
SIGN = re.compile(r"[\\|*_`\[\]]")
"""What Markdown would take for more than a sign."""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the commands where the navigation has room for them."""
    for section in config.nav or []:
        for pages in section.values():
            for entry in pages if isinstance(pages, list) else []:
                if isinstance(entry, dict) and PLACE in entry:
                    entry[PLACE] = [{name: _uri(name)} for name, _ in commands()]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages."""
    for name, context in commands():
        files.append(File.generated(config, _uri(name), content=describe(context)))
    return files


def commands() -> Iterator[tuple[str, Any]]:
    """Names and contexts of all commands, those within commands included, the program first."""
    program = typer.main.get_command(app)
    yield from _with_own(typer.Context(program, info_name="am4cm"))


def describe(context: Any) -> str:
    """The page of a command: what it does, its examples, all it takes, what else its help says."""
    command = context.command
    usage = context.get_usage().removeprefix("Usage: ")
    closing = list(_paragraphs(command.epilog))
    parts = [f"# {context.command_path}", *map(_shown, _paragraphs(command.help)), _block(usage)]
    parts += [_shown(paragraph) for paragraph in closing if _kept(paragraph)]
    parts += [f"## {title}\n\n" + "\n".join(rows) for title, rows in _groups(context).items()]
    for title, records in _panels(context).items():
        table = "\n".join(f"| `{names}` | {_plain(words)} |" for names, words in records)
        parts.append(f"## {title}\n\n| | what it is |\n|---|---|\n{table}")
    parts += [_shown(paragraph) for paragraph in closing if not _kept(paragraph)]
    return "\n\n".join(parts) + "\n"


def _with_own(context: Any) -> Iterator[tuple[str, Any]]:
    yield context.command_path, context
    for _, own in _own(context):
        yield from _with_own(own)


def _own(context: Any) -> Iterator[tuple[str, Any]]:
    """Names and contexts of the commands of a command."""
    for name, command in getattr(context.command, "commands", {}).items():
        if not command.hidden:
            own = typer.Context(command, info_name=name, parent=context)
            yield own.command_path, own


def _groups(context: Any) -> dict[str, list[str]]:
    """Links to the commands of a command by panel, in the order in which the panels first come."""
    groups: dict[str, list[str]] = {}
    for name, own in _own(context):
        panel = own.command.rich_help_panel
        link = f"- [{name}]({_uri(name).partition('/')[2]}): {own.command.get_short_help_str(200)}"
        groups.setdefault(panel if isinstance(panel, str) else "Commands", []).append(link)
    return groups


def _panels(context: Any) -> dict[str, list[tuple[str, str]]]:
    """Rows of the help by panel, in the order in which the panels first come."""
    panels: dict[str, list[tuple[str, str]]] = {}
    for parameter in context.command.get_params(context):
        record = parameter.get_help_record(context)
        if record and not parameter.hidden:
            kind = "Arguments" if parameter.param_type_name == "argument" else "Options"
            panel = getattr(parameter, "rich_help_panel", None) or kind
            panels.setdefault(panel, []).append(record)
    return panels


def _paragraphs(words: str | None) -> list[str]:
    """Of a help text."""
    return [paragraph for paragraph in cleandoc(words or "").split("\n\n") if paragraph]


def _kept(paragraph: str) -> bool:
    """Whether a help text wants a paragraph's lines as they are."""
    return paragraph.startswith(KEPT) or "\n  " in paragraph


def _shown(paragraph: str) -> str:
    """A paragraph in Markdown; lines that are kept become a block, under their heading if any."""
    if not _kept(paragraph):
        return _plain(paragraph)
    heading, _, lines = paragraph.removeprefix(KEPT).strip().partition("\n")
    if not lines.startswith(" "):
        return _block(f"{heading}\n{lines}")
    return f"{_plain(heading)}\n\n{_block(dedent(lines))}"


def _block(words: str) -> str:
    return f"```text\n{words.strip()}\n```"


def _plain(words: str) -> str:
    """Markdown that shows the words as they are."""
    return SIGN.sub(r"\\\g<0>", escape(words, quote=False))


def _uri(name: str) -> str:
    return f"commands/{name.replace(' ', '-')}.md"
