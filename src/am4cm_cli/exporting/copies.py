"""Rasters of am4cm copied: whole, or a date at a time."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np

from am4cm_cli.exporting.names import file_names
from am4cm_cli.folders import new_folder
from am4cm_cli.progress import Track
from am4cm_cli.rasters.cogs import CogWriter, create_cog
from am4cm_cli.rasters.masks import MaskFile, is_mask, opened
from am4cm_cli.rasters.styles import colour_table
from am4cm_cli.storage import Storage
from am4cm_cli.windows import tile_grid

SIDES = 256, 1024
"""Of the windows that are read at a time, at least and at most."""
WINDOW_BYTES = 64e6
"""Of all dates of such a window, where the least side allows it."""
DATED = "[12][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]*"
"""What the names of dates look like."""


def copy_whole(mask: MaskFile, out: Path, storage: Storage, *, track: Track = iter) -> None:
    """Write the same bands another way."""
    bands = range(len(mask.names))
    _copy(mask, bands, out, storage, shown=out, track=track)


def copy_dates(mask: MaskFile, out: Path, storage: Storage, *, track: Track = iter) -> None:
    """Write a folder with a raster for each band, named by its date; it appears whole.

    Raises:
        OutputError: a folder that exists is no longer what am4cm wrote, or cannot be replaced.
    """
    names = file_names(mask.path, mask.names)
    with new_folder(out, members=[f"{DATED}.tif"], overwrite=out.exists()) as folder:
        for index, name in track(list(enumerate(names))):
            copy_date(mask, index, folder / f"{name}.tif", storage, shown=out)


def copy_date(mask: MaskFile, index: int, path: Path, storage: Storage, *, shown: Path) -> None:
    """Write one band, from 0, as a raster of its own."""
    _copy(mask, [index], path, storage, shown=shown)


def holds_dates(folder: Path) -> bool:
    """Whether a folder holds nothing but what `copy_dates` writes."""
    return all(path.suffix == ".tif" and is_mask(path) for path in folder.iterdir())


def create_like(
    mask: MaskFile,
    path: Path,
    storage: Storage,
    *,
    names: Sequence[str],
    content: str,
    shown: Path,
    tags: Mapping[str, str] | None = None,
    dtype: str | None = None,
) -> AbstractContextManager[CogWriter]:
    """A raster on the grid of a mask, with its nodata."""
    return create_cog(
        path,
        shown=shown,
        grid=mask.grid,
        dtype=dtype or mask.dtype,
        nodata=mask.nodata if dtype is None else 255,
        names=names,
        tags={**mask.tags, **(tags or {}), "AM4CM_CONTENT": content},
        overview="average" if colour_table(content) is None else "mode",
        colours=colour_table(content),
        storage=storage,
    )


def window_side(mask: MaskFile, *, dates: int | None = None) -> int:
    """Pixels along a window of so many dates, all if None, that memory has room for."""
    pixel_bytes = np.dtype(mask.dtype).itemsize * (dates or len(mask.names))
    least, most = SIDES
    return min(most, max(1, int((WINDOW_BYTES / pixel_bytes) ** 0.5) // least) * least)


def _copy(
    mask: MaskFile,
    bands: Sequence[int],
    path: Path,
    storage: Storage,
    *,
    shown: Path,
    track: Track = iter,
) -> None:
    like = create_like(
        mask,
        path,
        storage,
        names=[mask.names[index] for index in bands],
        content=mask.content,
        shown=shown,
    )
    with opened(mask) as read, like as raster:
        for window in track(
            list(tile_grid(mask.grid.shape, size=window_side(mask, dates=len(bands))))
        ):
            raster.write(read(indexes=[index + 1 for index in bands], window=window), window)
