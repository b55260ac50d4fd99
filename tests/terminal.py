"""What a terminal shows."""

import io

from rich.console import Console, RenderableType


def shown(table: RenderableType, *, width: int = 80) -> str:
    """A table as text."""
    console = Console(width=width, file=io.StringIO())
    console.print(table)
    return console.file.getvalue()
