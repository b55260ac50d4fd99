"""Windows that a sample was drawn from, kept in memory so that no image is read twice."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from am4cm_cli.rasters.ahead import WindowReader
from am4cm_cli.rasters.reading import Numbers
from am4cm_cli.stacks.stack import Stack
from am4cm_cli.windows import Tiling, overlap, sample_rounds

Kept = dict[tuple[int, int], Numbers]
"""By row and column of a window's first pixel."""


def begin_keeping(reader: WindowReader, tiling: Tiling, *, most_bytes: int) -> Callable[[], Kept]:
    """Begin to read the windows that a sample's first patches lie in.

    Args:
        reader: of the stack.
        tiling: whose windows are read.
        most_bytes: none is read if all of them would take more.

    Returns:
        What waits for them; whoever takes them out of what it returns frees their memory.
    """
    stack = reader.stack
    patches = next(sample_rounds(stack.grid.shape, block=stack.block(reader.bands)))
    windows = [window for window in tiling if any(overlap(window, patch) for patch in patches)]
    if sum(reader.bytes(window) for window in windows) > most_bytes:
        return dict
    places = [(window.row_off, window.col_off) for window in windows]
    found, read = reader.begin(windows)
    kept = dict(zip(places, found, strict=True))

    def wait() -> Kept:
        try:
            read()
        except BaseException:
            kept.clear()  # whoever catches this may have to begin anew
            raise
        return kept

    return wait


def kept_patches(
    stack: Stack, bands: tuple[str, ...], kept: Kept, patches: Sequence[Window]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]] | None:
    """Cut patches out of kept windows, as `read_patches` reads them; None if some are not there."""
    cuts = [_cut(kept, patch) for patch in patches]
    whole = [cut for cut in cuts if cut is not None]
    if len(whole) < len(patches):
        return None
    return reflect(stack, bands, whole)


def reflect(
    stack: Stack, bands: Sequence[str], parts: Sequence[Numbers]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Put small windows together as `read_patches` returns them."""
    scale, offset = (part[..., None] for part in stack.scales(bands))
    dn = np.concatenate([part.dn.reshape(*part.dn.shape[:2], -1) for part in parts], axis=-1)
    valid = np.concatenate([part.valid.reshape(len(part.valid), -1) for part in parts], axis=-1)
    reflectance = dn.astype(np.float32)
    reflectance *= scale
    reflectance += offset
    np.copyto(reflectance, 0, where=~valid[:, None])
    return reflectance, valid


def _cut(kept: Kept, patch: Window) -> Numbers | None:
    """One patch, put together from the windows that it lies in."""
    found: Numbers | None = None
    seen = 0
    for (row, col), numbers in kept.items():
        dates, height, width = numbers.valid.shape
        meeting = overlap(Window(col, row, width, height), patch)
        if meeting is None:
            continue
        here, there = meeting
        if found is None:
            shape = patch.height, patch.width
            found = Numbers(
                dn=np.empty((dates, numbers.dn.shape[1], *shape), numbers.dn.dtype),
                valid=np.empty((dates, *shape), np.bool_),
            )
        found.dn[..., *there] = numbers.dn[..., *here]
        found.valid[..., *there] = numbers.valid[..., *here]
        seen += found.valid[0][there].size
    return found if seen == patch.height * patch.width else None
