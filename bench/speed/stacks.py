"""The stack that everything is timed on: simulated, mirrored to size, stored as Copernicus does.

    python -m bench.speed.stacks build/speed/stacks --side 2048 --dates 24

`am4cm simulate --size 512 --dates 24`, mirrored to 2048 x 2048 pixels, uint16, deflate with
predictor 2, blocks of 512 x 512, bands one after the other. Longer series are the same files under
more names: hard links, so that they take no room on the disk, though each is decoded anew. What is
there already is kept.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated

import numpy as np
import rasterio
import typer
from numpy.typing import NDArray

SIMULATED = 512
"""Side in pixels; a larger grid holds its mirror images."""
BLOCK = 512
START = date(2018, 1, 1)
DAYS_APART = 15
"""About what 24 dates a year are."""


def simulated(folder: Path, *, dates: int, chain: str, size: int = SIMULATED) -> list[Path]:
    """Images of `am4cm simulate`, made unless they are there."""
    out = folder / f"simulated-{chain}-{size}-{dates}"
    if not out.exists():
        words = ["simulate", out, "--size", size, "--dates", dates, "--chain", chain]
        command = [sys.executable, "-m", "am4cm_cli", *map(str, words)]
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    return sorted((out / "images").glob("*.tif"))


def mirrored(dn: NDArray[np.uint16], shape: tuple[int, int]) -> NDArray[np.uint16]:
    """Bring a (Y, X) band to a shape: cut, or mirrored over its edges as often as it takes."""
    cut = dn[: shape[0], : shape[1]]
    missing = [(0, wanted - there) for wanted, there in zip(shape, cut.shape, strict=True)]
    return np.pad(cut, missing, mode="symmetric")


def widen(image: Path, out: Path, shape: tuple[int, int]) -> None:
    """Write an image brought to (Y, X) pixels; it appears whole or not at all."""
    part = out.with_suffix(".part")
    with rasterio.open(image) as small:
        profile = {
            **small.profile,
            **{"height": shape[0], "width": shape[1], "bigtiff": "if_safer"},
            **{"tiled": True, "blockysize": BLOCK, "blockxsize": BLOCK, "interleave": "band"},
            **{"compress": "deflate", "predictor": 2},
        }
        with rasterio.open(part, "w", **profile) as large:
            for band in small.indexes:
                large.write(mirrored(small.read(band), shape), band)
            large.descriptions = small.descriptions
    part.replace(out)


def write_large(
    images: Sequence[Path], out: Path, shape: tuple[int, int], *, threads: int = 2
) -> list[Path]:
    """Write each image brought to (Y, X) pixels, unless it is there."""
    out.mkdir(parents=True, exist_ok=True)
    targets = [out / image.name for image in images]
    missing = [pair for pair in zip(images, targets, strict=True) if not pair[1].exists()]
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda pair: widen(pair[0], pair[1], shape), missing))
    return targets


def link_dates(
    images: Sequence[Path], out: Path, *, dates: int, days_apart: int = DAYS_APART
) -> list[Path]:
    """Name images as a series of so many dates, one after the other and again from the first."""
    out.mkdir(parents=True, exist_ok=True)
    links = []
    for number in range(dates):
        day = START + timedelta(days=number * days_apart)
        link = out / f"S2_{day:%Y%m%d}.tif"
        if not link.exists():
            # Not a symbolic link: a stack takes those to one file for one image.
            os.link(images[number % len(images)], link)
        links.append(link)
    return links


def make(
    folder: Path, shape: tuple[int, int], *, dates: int, chain: str, size: int = SIMULATED
) -> Path:
    """Make a stack of as many dates as were simulated; return the folder of its images."""
    out = folder / f"{chain}-{shape[0]}x{shape[1]}-{dates}-of-{size}"
    write_large(simulated(folder, dates=dates, chain=chain, size=size), out, shape)
    return out


def main(
    folder: Annotated[Path, typer.Argument(help="Folder of all stacks.")],
    side: Annotated[int, typer.Option(help="In pixels.")] = 2048,
    dates: Annotated[int, typer.Option(help="To simulate.")] = 24,
    chain: Annotated[str, typer.Option(help="sen2cor or l1c.")] = "sen2cor",
    linked: Annotated[int | None, typer.Option(help="Dates of a longer or shorter series.")] = None,
    simulated_side: Annotated[int, typer.Option(help="In pixels.")] = SIMULATED,
    height: Annotated[int | None, typer.Option(help="In pixels; the side if not told.")] = None,
    days_apart: Annotated[int, typer.Option(help="Of linked dates.")] = DAYS_APART,
) -> None:
    """Make a stack and print the folder of its images."""
    folder.mkdir(parents=True, exist_ok=True)
    out = make(folder, (height or side, side), dates=dates, chain=chain, size=simulated_side)
    if linked is not None and linked != dates:
        images = sorted(out.glob("*.tif"))
        out = out.with_name(f"{out.name}-as-{linked}-every-{days_apart}")
        link_dates(images, out, dates=linked, days_apart=days_apart)
    print(out)


if __name__ == "__main__":
    typer.run(main)
