"""Which band of a mask belongs to which scene of a stack, and which of its pixels."""

from collections.abc import Sequence
from dataclasses import dataclass

from am4cm_cli.errors import StackError
from am4cm_cli.rasters.masks import MaskFile
from am4cm_cli.stacks.grids import describe
from am4cm_cli.stacks.lattices import Placement, place_on
from am4cm_cli.stacks.stack import Stack
from am4cm_cli.validation.matching import match

MOST_NAMES = 3
"""Of dates, in a message."""


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """Where a stack's scenes and pixels are in a mask."""

    bands: tuple[int, ...]
    """(T,) numbers of the mask's bands, from 1."""
    origin: tuple[int, int]
    """(row, col) of the stack's first pixel in the mask."""


def pair(stack: Stack, mask: MaskFile) -> Pairs:
    """Find a stack in a mask, which may show more dates and more of the ground.

    Raises:
        StackError: scenes or pixels of the stack have no mask.
    """
    origin = _origin(stack, mask)
    found = _match(stack, mask)
    without = [scene.name for scene in stack.scenes if scene.name not in found]
    if without:
        raise StackError(
            f"{mask.path}: has no band for {_few(without)} of {stack.source}; expected one for "
            f"each of its {len(stack.scenes)} scenes, and found {_few(mask.names)}. Mask these "
            "images, or leave dates out with --from and --to."
        )
    return Pairs(
        bands=tuple(1 + mask.names.index(found[scene.name]) for scene in stack.scenes),
        origin=origin,
    )


def _match(stack: Stack, mask: MaskFile) -> dict[str, str]:
    """Names of the mask's bands by those of scenes.

    By names first. A scene that was one of two of its day in the mask, and is the only one here,
    has another name; its second tells.
    """
    by_name = match([scene.name for scene in stack.scenes], mask.names)
    times = {
        scene.time.isoformat(): scene.name
        for scene in stack.scenes
        if scene.name in by_name.only_here
    }
    by_time = match(list(times), by_name.only_there)
    return dict(by_name.pairs) | {times[time]: name for time, name in by_time.pairs}


def _origin(stack: Stack, mask: MaskFile) -> tuple[int, int]:
    place = place_on(mask.grid, stack.grid)
    if place is None or place.factor != 1 or not _holds(mask, place):
        raise StackError(
            f"{mask.path}: lies on another grid than {stack.source}. Found "
            f"{describe(mask.grid)}; expected one that holds {describe(stack.grid)}. Mask these "
            "images, or give --bbox, --resolution and --align as for the mask."
        )
    return place.rows[0], place.cols[0]


def _holds(mask: MaskFile, place: Placement) -> bool:
    height, width = mask.grid.shape
    starts, ends = zip(place.rows, place.cols, strict=True)
    return min(starts) >= 0 and ends[0] <= height and ends[1] <= width


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ", ".join(names[:MOST_NAMES]) + more
