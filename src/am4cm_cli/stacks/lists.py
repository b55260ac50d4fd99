"""Lists of stacks, for areas of many tiles."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from am4cm_cli.errors import StackError


@dataclass(frozen=True, kw_only=True)
class ListedStack:
    """One line of a list."""

    name: str
    source: str
    """Folder, glob or text file of images."""


def read_list(path: Path) -> list[ListedStack]:
    """Read lines of `name,images`; images stand relative to the list's folder.

    Blank lines and those that begin with # are passed over.

    Raises:
        StackError: the list cannot be read, is empty, or a line says something else.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise StackError(
            f"{path}: cannot be read ({error}); expected a text file with a line "
            "'name,images' for each stack."
        ) from error
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    stacks = [_stack(path, [cell.strip() for cell in row]) for row in csv.reader(lines)]
    _check(path, stacks)
    return stacks


def _stack(path: Path, cells: Sequence[str]) -> ListedStack:
    if len(cells) != 2 or not all(cells) or Path(cells[0]).name != cells[0]:
        raise StackError(
            f"{path}: a line says {','.join(cells)!r}; expected 'name,images', such as "
            "'T31UFS,/data/T31UFS', with a name that can be a file's. Mend the line."
        )
    name, source = cells
    return ListedStack(name=name, source=str(path.parent / source))


def _check(path: Path, stacks: Sequence[ListedStack]) -> None:
    names = [stack.name for stack in stacks]
    if not names:
        raise StackError(f"{path}: is empty; expected a line 'name,images' for each stack.")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise StackError(f"{path}: names {twice} twice; give each stack a name of its own.")
