"""Finished masks of known numbers, for what is made of them."""

from pathlib import Path

import numpy as np
from affine import Affine
from rasterio.crs import CRS

from am4cm_cli.rasters.cogs import create_cog
from am4cm_cli.stacks.stack import Grid
from am4cm_cli.windows import tile_grid
from stacks import CORNER

NAMES = ("2018-01-06", "2018-01-21T10:50:22", "2018-01-21T10:50:47", "2018-03-07")
SHAPE = (37, 53)


def percents(shape=SHAPE, *, dates=4, seed=0):
    """Half of them 0 or 100, a corner without observation, and one date without any."""
    rng = np.random.default_rng(seed)
    numbers = rng.integers(0, 101, (dates, *shape)).astype(np.uint8)
    numbers[rng.random(numbers.shape) < 0.5] = 0
    numbers[:, : shape[0] // 3, : shape[1] // 4] = 255
    numbers[-1] = 255
    return numbers


def write_finished(
    path: Path,
    numbers,
    *,
    names=NAMES,
    content="probability",
    crs: str | None = "EPSG:32631",
    transform: Affine = CORNER,
    tags=None,
) -> Path:
    """Write (T, Y, X) numbers as am4cm does."""
    grid = Grid(
        crs=CRS() if crs is None else CRS.from_string(crs),
        transform=transform,
        shape=numbers.shape[1:],
    )
    facts = {"AM4CM_VERSION": "0.1.0", "AM4CM_TARGET": "cloud", "AM4CM_CONTENT": content}
    with create_cog(
        path,
        grid=grid,
        dtype=str(numbers.dtype),
        nodata=255 if numbers.dtype == np.uint8 else np.nan,
        names=names,
        tags={**facts, **(tags or {})},
    ) as raster:
        for window in tile_grid(grid.shape, size=512):
            raster.write(numbers[:, *window.toslices()], window)
    return path
