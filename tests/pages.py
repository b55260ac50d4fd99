"""Markdown pages whose code runs: what their blocks are, and a folder to run them in.

A block says what it is behind its language, where a reader of the page does not see it:

    sh run, python run      is run, in the folder where the page's earlier blocks have run
    ... run needs NAME      is run where that module or program is at hand
    ... not run: REASON     is not, and why
    text output             what the block before prints on standard output
    text messages           what it prints on standard error

A comment that begins with `sh run` is a block that the page does not show.
"""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[1]
CODE = {"sh", "bash", "shell", "console", "python"}
"""Languages of blocks that have to say whether they are run."""
MARK = re.compile(r"run(?: needs (?P<needs>\S+))?|not run: (?P<reason>.+)|output|messages")
SHOWN = {"output", "messages"}
HIDDEN = re.compile(r"<!-- sh run\n(.*?)-->", re.S)
NUMBER = re.compile(r"\d+\.\d+")
TERMINAL = {"COLUMNS": "80", "LC_ALL": "C.UTF-8"}
"""What pages show depends on it."""
OWN = Path(sys.executable).parent
"""Where am4cm is installed."""


@dataclass(frozen=True, kw_only=True)
class Block:
    """One block of code or of output."""

    page: str
    line: int
    language: str
    mark: str
    """What stands behind the language."""
    code: str

    @property
    def marked(self) -> re.Match | None:
        """What the mark says; None where it says nothing that is known."""
        return MARK.fullmatch(self.mark)

    @property
    def runs(self) -> bool:
        """Whether it is to be run."""
        return self.mark.startswith("run") and self.marked is not None

    @property
    def needs(self) -> str | None:
        """The module or program without which it is not run."""
        return self.marked["needs"] if self.runs else None


def pages():
    """All pages of the documentation that are written by hand or by a command, README first."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(page):
    """The page's blocks in their order, those that it does not show included."""
    return [block for token in _tokens(page) if (block := _block(page, token))]


def indented(page):
    """Lines at which code stands that no fence encloses: nothing could tell if it is run."""
    return [token.map[0] + 1 for token in _tokens(page) if token.type == "code_block"]


def linked(page):
    """Files that the page links to or shows, as it names them."""
    inline = [child for token in _tokens(page) for child in token.children or []]
    addresses = [str(child.attrGet("href") or child.attrGet("src") or "") for child in inline]
    return {a.partition("#")[0] for a in addresses if not a.startswith("http")} - {""}


def at_hand(name):
    """Whether a module can be imported, or a program run; nothing is always at hand."""
    if name is None or shutil.which(name, path=_path()):
        return True
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:  # of its parent
        return False


def execute(block, folder):
    """Run a block in a folder; what it printed, by the mark of a block that shows it."""
    words = {"sh": ["bash", "-euo", "pipefail", "-c"], "python": [sys.executable, "-c"]}
    done = subprocess.run(
        [*words[block.language], block.code],
        cwd=folder,
        # One thread, since sums of more are rounded otherwise.
        env=os.environ | {"PATH": _path(), "OMP_NUM_THREADS": "1"} | TERMINAL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{block.page}:{block.line}:\n{block.code}\n{done.stderr}"
    return {"output": done.stdout, "messages": done.stderr}


def cook(page, folder):
    """Run a page's blocks in a folder; pairs of what was printed and what the page shows."""
    pairs, printed = [], None
    for block in blocks(page):
        if block.runs:
            printed = execute(block, folder) if at_hand(block.needs) else None
        elif block.mark in SHOWN and printed is not None:
            pairs.append((_trimmed(printed[block.mark]), _trimmed(block.code)))
    return pairs


def lacking(page):
    """What the page's blocks need and is not at hand, without which `cook` leaves them out."""
    return sorted({block.needs for block in blocks(page) if not at_hand(block.needs)})


def alike(found, shown):
    """Whether lines are the same but for a unit in the last digit of a fraction.

    Other processors add up in another order. Whole numbers must be the same.
    """
    pairs = list(zip(_fractions(found), _fractions(shown), strict=False))
    near = all(abs(Decimal(a) - Decimal(b)) <= Decimal((0, (1,), _exponent(b))) for a, b in pairs)
    same = [NUMBER.sub("#", line) for line in found] == [NUMBER.sub("#", line) for line in shown]
    return near and same


def _fractions(lines):
    return NUMBER.findall("\n".join(lines))


def _exponent(number):
    return Decimal(number).as_tuple().exponent


def _tokens(page):
    return MarkdownIt("commonmark").enable("table").parse(page.read_text())


def _block(page, token):
    hidden = HIDDEN.match(token.content) if token.type == "html_block" else None
    if hidden:
        language, mark, code = "sh", "run", hidden[1]
    elif token.type == "fence":
        (language, _, mark), code = token.info.partition(" "), token.content
    else:
        return None
    place = {"page": page.name, "line": token.map[0] + 1}
    return Block(**place, language=language, mark=mark, code=code)


def _trimmed(text):
    """Without the blanks that fill up the lines of a table."""
    return [line.rstrip() for line in text.rstrip().splitlines()]


def _path():
    return os.pathsep.join([str(OWN), os.environ["PATH"]])
