"""Whether images are those that a mask was made of, as far as its marks tell."""

from collections.abc import Iterator
from dataclasses import replace

from am4cm_cli.marks import mark_scenes, read_marks
from am4cm_cli.rasters.masks import MaskFile
from am4cm_cli.stacks.grids import same_grid
from am4cm_cli.stacks.stack import Stack


def likeness_notes(stack: Stack, mask: MaskFile) -> Iterator[str]:
    """Name images that are others than the mask's, in one sentence.

    No pixel is read: what tells are the sizes of files and how their numbers become reflectance.
    """
    others = other_scenes(stack, mask)
    if not others:
        return
    some = f"{others[0]} is" if len(others) == 1 else f"dates, such as {others[0]}, are"
    images = "image" if len(others) == 1 else "images"
    yield (
        f"{f'{len(others)} ' if len(others) > 1 else ''}{some} not the {images} that {mask.path} "
        "was made of, or stored or read another way."
    )


def other_scenes(stack: Stack, mask: MaskFile) -> list[str]:
    """Names of scenes that the mask was not made of; none where that cannot be told.

    It cannot where the mask has no marks, or where other bands or another part of the ground is
    read, since a digest is of all bands and of where a file lies on the grid.
    """
    bands = mask.tags.get("AM4CM_BANDS", "").split()
    if not bands or not {*bands} <= {*stack.bands} or not same_grid(mask.grid, stack.grid):
        return []
    try:
        known = {mark.digest for mark in read_marks(mask.tags.get("AM4CM_SCENES", "[]"))}
    except (ValueError, RecursionError):
        return []
    if not known:
        return []
    # Of a scene that the mask's run could not read, no more is known than its time.
    voids = replace(stack, scenes=tuple(replace(one, unreadable=True) for one in stack.scenes))
    marks = mark_scenes(stack, bands), mark_scenes(voids, bands)
    return [
        scene.name
        for scene, own, void in zip(stack.scenes, *marks, strict=True)
        if not scene.unreadable and not known & {own.digest, void.digest}
    ]
