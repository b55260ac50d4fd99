"""A page for each command, made of what `--help` says."""

import re
from collections.abc import Iterator
from html import escape
from inspect import cleandoc
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
    """The page of a command."""
    command = context.command
    usage = context.get_usage().removeprefix("Usage: ")
    parts = [f"# {context.command_path}", *_text(command.help), f"```text\n{usage}\n```"]
    for name, context_ in _own(context):
        parts.append(f"- [{name}]({_uri(name)[9:]}): {context_.command.get_short_help_str(200)}")
    for title, rows in _panels(context).items():
        table = "\n".join(f"| `{names}` | {_plain(words)} |" for names, words in rows)
        parts.append(f"## {title}\n\n| | what it is |\n|---|---|\n{table}")
    return "\n\n".join([*parts, *_text(command.epilog)]) + "\n"


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


def _text(help_text: str | None) -> Iterator[str]:
    """Paragraphs of a help text; those that it keeps line by line become blocks."""
    for paragraph in cleandoc(help_text or "").split("\n\n"):
        kept = paragraph.removeprefix(KEPT)
        if kept != paragraph:
            yield f"```text\n{kept.strip()}\n```"
        elif paragraph:
            yield _plain(paragraph)


def _plain(words: str) -> str:
    """Markdown that shows the words as they are."""
    return SIGN.sub(r"\\\g<0>", escape(words, quote=False))


def _uri(name: str) -> str:
    return f"commands/{name.replace(' ', '-')}.md"
