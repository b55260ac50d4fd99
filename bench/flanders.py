"""The crops of flanders-2018 as a labelled folder that `am4cm prepare` takes, for bench/recipes.py.

    python bench/flanders.py ../shared/data/flanders-2018 build/recipes/site

Links the images; `labels.tif` is the crop types of the farmers' register, or the land cover where
there is none; `fields.tif` numbers blocks of 4 x 4 pixels, so that --per-group draws evenly. Its
cloud labels are not looked at.
"""

from pathlib import Path
from typing import Annotated

import numpy as np
import rasterio
import typer
from numpy.typing import NDArray

NO_COVER = 99
"""Land cover of pixels of which nothing is known."""
BLOCK = 4


def main(
    site: Annotated[Path, typer.Argument(help="flanders-2018", exists=True)],
    out: Annotated[Path, typer.Argument(help="Folder to make.")],
) -> None:
    """Make the folder."""
    with rasterio.open(site / "CT.tif") as crops, rasterio.open(site / "LC.tif") as covers:
        crop, cover, profile = crops.read(1), covers.read(1), crops.profile
    labels = np.where(crop > 0, crop, np.where(cover == NO_COVER, 0, cover))
    out.mkdir(parents=True)
    for image in sorted((site / "images").glob("*.tif")):
        (out / image.name).symlink_to(image.resolve())
    _write(out / "labels.tif", labels.astype(np.uint16), profile)
    _write(out / "fields.tif", np.where(labels > 0, _blocks(labels.shape), 0), profile)


def _blocks(shape: tuple[int, ...]) -> NDArray[np.int32]:
    row, column = np.indices(shape) // BLOCK
    numbers: NDArray[np.int32] = (1 + row * (column.max() + 1) + column).astype(np.int32)
    return numbers


def _write(path: Path, array: NDArray[np.generic], profile: dict[str, object]) -> None:
    with rasterio.open(path, "w", **{**profile, "dtype": array.dtype, "nodata": 0}) as raster:
        raster.write(array, 1)


if __name__ == "__main__":
    typer.run(main)
