"""The page put together: its texts escaped, its scripts and styles its own."""

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from hashlib import sha256
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

from am4cm_cli.reports.markup import html_facts, html_table
from am4cm_cli.validation.evaluating import Evaluation
from am4cm_cli.viewer.facts import (
    SCORE_HEADS,
    WORST_HEADS,
    score_caption,
    score_rows,
    worst_rows,
)


def render_page(
    facts: Mapping[str, Any],
    *,
    title: str,
    subtitle: str,
    summary: Mapping[str, str],
    made_of: Mapping[str, str],
    notes: Sequence[str],
    evaluation: Evaluation | None,
) -> str:
    """Write the whole page; whatever comes from files is text in it, and nothing else."""
    style, script = _own("page.css"), _own("page.js")
    return Template(_own("page.html")).substitute(
        policy=_policy(style, script),
        style=style,
        script=script,
        facts=_json(facts),
        title=escape(title),
        subtitle=escape(subtitle),
        summary="".join(
            f"<div><dd>{escape(text)}</dd><dt>{escape(name)}</dt></div>"
            for name, text in summary.items()
        ),
        scores=_scores(evaluation),
        made_of=html_facts(made_of),
        notes="".join(f"<li>{escape(note)}</li>" for note in notes),
    )


def _own(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _policy(style: str, script: str) -> str:
    """Let the page run its own script and style, and fetch nothing."""
    return (
        f"default-src 'none'; img-src data:; style-src '{_digest(style)}'; "
        f"script-src '{_digest(script)}'; base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"


def _json(facts: Mapping[str, Any]) -> str:
    """JSON that holds no tag, whatever its texts hold."""
    text = json.dumps(facts, allow_nan=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _scores(found: Evaluation | None) -> str:
    if found is None:
        return ""
    parts = ['<section id="scores" aria-labelledby="scores-head">']
    parts.append('<h2 id="scores-head">Against the reference</h2>')
    for board in found.boards:
        if board.rows:
            parts += [f"<h3>{escape(board.target.capitalize())}</h3>"]
            parts += [f"<p>{escape(score_caption(found, board))}</p>"]
            parts += [html_table(SCORE_HEADS, score_rows(board))]
    worst = worst_rows(found.boards[0])
    if worst:
        parts += ["<h3>Dates with most wrong pixels</h3>"]
        parts += [f'<div id="worst">{html_table(WORST_HEADS, worst)}</div>']
    parts += [f"<p>{escape(note)}</p>" for note in found.notes]
    return "\n".join([*parts, "</section>"])
