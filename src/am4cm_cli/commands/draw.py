"""`am4cm draw`: a picture of a mask beside its images."""

from pathlib import Path
from typing import Annotated

import typer

from am4cm_cli.commands.console import progress, say, unwind
from am4cm_cli.commands.images import takes_images
from am4cm_cli.commands.options import Overwrite
from am4cm_cli.stacks.options import AS_THEY_ARE, StackOptions


@takes_images
def draw(
    mask: Annotated[
        Path,
        typer.Argument(
            metavar="MASK", help="Mask that am4cm wrote.", exists=True, show_default=False
        ),
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT.png", help="Picture.", show_default=False)],
    images: Annotated[
        str,
        typer.Option(
            metavar="INPUT", help="Folder, glob or text file of its images.", show_default=False
        ),
    ],
    count: Annotated[int, typer.Option(min=1, max=120, help="Dates to show at most.")] = 12,
    images_as: StackOptions = AS_THEY_ARE,
    overwrite: Overwrite = False,
) -> None:
    """Draw some dates in true colour above their cloud probability."""
    from am4cm_cli.files import check_output
    from am4cm_cli.pictures.picture import draw_sheet
    from am4cm_cli.stacks.discovery import find_stack

    unwind()
    check_output(out, overwrite=overwrite)
    stack = find_stack(images, images_as)
    drawn = draw_sheet(stack, mask, out, count=count, track=progress("Drawing"))
    say(f"Wrote {out}: {drawn} of {len(stack.scenes)} dates.")
