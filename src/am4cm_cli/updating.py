"""A mask brought up to date: dates near a change are computed, the others are the old mask's."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rasterio.windows import Window
from torch import Tensor

from am4cm_cli.earlier import Earlier
from am4cm_cli.judgement import Judge
from am4cm_cli.layers import JudgedLayer
from am4cm_cli.marks import Mark, mark_days, match_marks
from am4cm_cli.rasters.handles import OpenFiles
from am4cm_cli.rasters.masks import MaskFile
from am4cm_cli.scores import CounterfactualConfig
from am4cm_cli.scores.kernels import reached
from am4cm_cli.stacks.headers import quiet
from am4cm_cli.stacks.stack import Stack

Layers = list[NDArray[Any]]
"""(bands, Y, X) of each raster."""
Make = Callable[[Window], Layers]
"""Makes the layers of a window."""

OPEN_FILES = 16
"""Of the old mask, one for each thread that reads it at a time."""


@dataclass(frozen=True, kw_only=True)
class Changes:
    """How a stack differs from the one that an old mask was made from, in scenes."""

    new: int
    altered: int
    """Other files, or read another way, of a time that the old mask has."""
    gone: int


@dataclass(frozen=True, kw_only=True)
class Update:
    """Which dates of a stack are computed, which are read for that, and which are taken over."""

    old: MaskFile
    places: tuple[int | None, ...]
    """Of each scene in the old mask, from 0; None where there is none."""
    computed: NDArray[np.bool_]
    """(T,) dates whose answers a change may touch."""
    stack: Stack
    """Of the scenes that these answers depend on; of the first scene if there are none."""
    changes: Changes

    def layer(self, layer: JudgedLayer) -> JudgedLayer:
        """Cut a layer of all dates down to those computed, from planes of those read."""
        read = {scene.name for scene in self.stack.scenes}
        names = [name for name, own in zip(layer.names, self.computed, strict=True) if own]
        among = [name for name in layer.names if name in read]
        places = torch.tensor([among.index(name) for name in names], dtype=torch.long)

        def encode(judge: Judge, planes: Tensor) -> Tensor:
            return layer.encode(judge, planes[:, places.to(planes.device)])

        return replace(layer, names=names, encode=encode)

    def tell(self) -> str:
        """Say what has changed and what is done about it."""
        total, computed = len(self.computed), int(self.computed.sum())
        changes = [
            _dates(count, one, many)
            for count, one, many in (
                (self.changes.new, "is new", "are new"),
                (self.changes.altered, "has changed", "have changed"),
                (self.changes.gone, "has gone", "have gone"),
            )
            if count
        ]
        if not changes:
            return f"Nothing has changed since {self.old.path}; all {total} dates are its own."
        return (
            f"{', '.join(changes)}; {computed} of {total} are computed again, the others are "
            f"{self.old.path}'s."
        )


def plan_update(stack: Stack, marks: Sequence[Mark], earlier: Earlier) -> Update:
    """Find what changed since an earlier mask, and what that touches."""
    places = match_marks(marks, earlier.marks)
    new = [mark for mark, place in zip(marks, places, strict=True) if place is None]
    gone = [mark for place, mark in enumerate(earlier.marks) if place not in places]
    config = CounterfactualConfig()
    changed = mark_days([*new, *gone])
    computed = reached(stack.days, changed, config.rounds, width=config.width)
    # What a computed date rests on lies as far from it as a change reaches.
    needed = reached(stack.days, stack.days[computed], config.rounds, width=config.width)
    if not needed.any():
        needed[0] = True
    read = [scene for scene, own in zip(stack.scenes, needed, strict=True) if own]
    return Update(
        old=earlier.mask,
        places=places,
        computed=computed,
        stack=replace(stack, scenes=tuple(read)),
        changes=_count_changes(new, gone),
    )


@contextmanager
def completing(update: Update | None) -> Iterator[Callable[[Window, Make], Layers]]:
    """Yield what makes a window whole: computed dates by its own making, others from the old mask.

    Without an update it is all of its own making.
    """
    if update is None:
        yield lambda window, make: make(window)
        return
    files = OpenFiles(OPEN_FILES, advice="Mask the whole stack without --update.")
    with quiet(update.old.grid):
        try:
            yield lambda window, make: [_complete(update, files, window, make)]
        finally:
            files.close()


def _complete(update: Update, files: OpenFiles, window: Window, make: Make) -> NDArray[Any]:
    shape = len(update.places), window.height, window.width
    whole = np.empty(shape, update.old.dtype)
    kept = [t for t, own in enumerate(update.computed) if not own]
    if kept:
        bands = [1 + (update.places[t] or 0) for t in kept]
        with files.borrow(update.old.path) as raster:
            whole[kept] = raster.read(bands, window=window)
    if update.computed.any():
        (whole[update.computed],) = make(window)
    return whole


def _count_changes(new: Sequence[Mark], gone: Sequence[Mark]) -> Changes:
    """Scenes that are both new and gone have changed."""
    before = [mark.time for mark in gone]
    altered = 0
    for mark in new:
        if mark.time in before:
            before.remove(mark.time)
            altered += 1
    return Changes(new=len(new) - altered, altered=altered, gone=len(before))


def _dates(count: int, one: str, many: str) -> str:
    return f"1 date {one}" if count == 1 else f"{count} dates {many}"
