"""What a command reads, so that no output takes its place."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from am4cm_cli.files import is_file

if TYPE_CHECKING:
    from am4cm_cli.stacks.stack import Stack

OF_IMAGES = ("dates", "polygon", "align_to")
"""Options of images that name a file."""


def read_files(
    context: typer.Context, names: Sequence[str], source: str | None, stack: "Stack | None"
) -> list[Path]:
    """Files that a command reads.

    Args:
        context: of the command.
        names: of its parameters that name a file, beside OF_IMAGES.
        source: what was named as images: a list or an archive is a file, too.
        stack: of the images.

    Raises:
        UnreadableError: a VRT cannot be opened.
    """
    from am4cm_cli.rasters.opening import files_behind, image_files

    given = [source, *(context.params[name] for name in (*OF_IMAGES, *names))]
    named = [path for each in given if each is not None and is_file(path := Path(each))]
    held = [file for path in named for file in files_behind(path)]
    return [*named, *held, *(image_files(stack) if stack else ())]
