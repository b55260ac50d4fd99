"""The shared series as plain arrays, for peers that live in environments of their own.

    python bench/peers/arrays.py ../shared/data build/peers

One npz per series: `date` (T,) names of the scenes, `band` (B,) standard names, `level` L1C or L2A,
`metres` along a pixel, `reflectance` (T, B, Y, X) float32, 0 in all bands where there was no
observation. Dates without any observation are left out. They are read as am4cm reads them, so all
see the same numbers.

Speed is measured on `large`: lazio-l1c mirrored to 512 x 512 pixels, as GeoTIFFs for am4cm and, of
a few dates, as arrays for peers, which take one date at a time.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import rasterio
import typer
from rasterio.windows import Window

from am4cm_cli.rasters.reading import read_window
from am4cm_cli.sensors import BAND_METRES
from am4cm_cli.stacks.discovery import find_stack
from am4cm_cli.stacks.options import StackOptions
from am4cm_cli.stacks.stack import Stack

SERIES = {
    "flanders-2018": ("flanders-2018/images", "L2A", 10),
    "lazio-l1c": ("lazio-l1c", "L1C", 10),
    "vosges-theia": ("vosges-theia", "L2A", 10),
    "iberia-4band-0": ("iberia-4band/0", "L2A", 20),
    "iberia-4band-1": ("iberia-4band/1", "L2A", 20),
}
"""Folder, processing level and metres along a pixel of each series."""
UNNAMED = ("lazio-l1c",)
"""Series whose files don't name their bands: all thirteen, in the sensor's order."""
MIRRORED = "lazio-l1c"
LARGE_DATES = 4
"""Dates of `large` that peers are given: their work on one date is the same as on the next."""


def series_stack(shared: Path, name: str) -> Stack:
    """Find a series by its name."""
    folder, *_ = SERIES[name]
    return find_stack(
        shared / folder, StackOptions(band_names=tuple(BAND_METRES) if name in UNNAMED else None)
    )


def read_series(stack: Stack, level: str, metres: int) -> dict[str, Any]:
    """Read a whole, small, stack as what an npz of a series holds."""
    height, width = stack.grid.shape
    reflectance, valid = read_window(stack, stack.bands, Window(0, 0, width, height))
    seen = np.flatnonzero(valid.any(axis=(1, 2)))
    names = [stack.scenes[t].name for t in seen]
    facts = {"date": names, "band": stack.bands, "level": level, "metres": metres}
    return {**facts, "reflectance": reflectance[seen]}


def mirror_images(paths: Sequence[Path], out: Path) -> None:
    """Write each image with its mirror images right and below: a grid of twice the side."""
    out.mkdir(parents=True, exist_ok=True)
    for path in paths:
        with rasterio.open(path) as image:
            dn = image.read()
            profile = {**image.profile, "width": 2 * image.width, "height": 2 * image.height}
        sides = [(0, 0), (0, dn.shape[1]), (0, dn.shape[2])]
        tiled = {"tiled": True, "blockxsize": 256, "blockysize": 256}
        with rasterio.open(out / path.name, "w", **{**profile, **tiled}) as large:
            large.write(np.pad(dn, sides, mode="symmetric"))


def few_dates(series: Mapping[str, Any], count: int) -> dict[str, Any]:
    """Take `count` dates, evenly spread."""
    reflectance = np.asarray(series["reflectance"])
    chosen = np.linspace(0, len(reflectance) - 1, count).astype(int)
    return {
        **series,
        "date": np.asarray(series["date"])[chosen],
        "reflectance": reflectance[chosen],
    }


def main(
    shared: Annotated[Path, typer.Argument(help="Folder of the shared series.", exists=True)],
    out: Annotated[Path, typer.Argument(help="Folder for the arrays.")],
) -> None:
    """Write all series."""
    out.mkdir(parents=True, exist_ok=True)
    for name, (_, level, metres) in SERIES.items():
        np.savez(out / f"{name}.npz", **read_series(series_stack(shared, name), level, metres))
    mirror_images(sorted((shared / MIRRORED).glob("*.tif")), out / "large")
    large = find_stack(out / "large", StackOptions(band_names=tuple(BAND_METRES)))
    np.savez(out / "large.npz", **few_dates(read_series(large, *SERIES[MIRRORED][1:]), LARGE_DATES))


if __name__ == "__main__":
    typer.run(main)
