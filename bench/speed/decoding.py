"""Seconds that decoding a stack's files takes, and nothing else: the limit of any mask.

    python -m bench.speed.decoding build/speed/stacks/sen2cor-2048x2048-24 out.json --threads 2

Every block of every band once, in the files' own order, by GDAL; a file belongs to one thread, so
that nobody waits for anybody. What was decoded is thrown away. Files have been read before, so they
come from the system's cache and not from the disk.
"""

import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated

import numpy as np
import rasterio
import typer
from bench.speed.answers import write_answer

CACHE_BYTES = 64 * 2**20
"""Of GDAL, far more than the blocks in the making and far less than a file."""


def decode(path: Path) -> int:
    """Decode a file block by block; return how many pixels it has."""
    with rasterio.open(path) as raster:
        block = np.empty(raster.block_shapes[0], raster.dtypes[0])
        for band in raster.indexes:
            for _, window in raster.block_windows(band):
                raster.read(band, window=window, out=block[: window.height, : window.width])
        return int(raster.height * raster.width)


def decode_all(paths: Sequence[Path], *, threads: int) -> int:
    """Decode files, so many at a time; return how many pixel-dates they have."""
    with rasterio.Env(GDAL_CACHEMAX=CACHE_BYTES), ThreadPoolExecutor(threads) as pool:
        return sum(pool.map(decode, paths))


def main(
    images: Annotated[Path, typer.Argument(help="Folder of GeoTIFFs.", exists=True)],
    out: Annotated[Path, typer.Argument(help="JSON to write.")],
    threads: Annotated[int, typer.Option(min=1)] = os.cpu_count() or 1,
) -> None:
    """Decode everything once."""
    paths = sorted(images.glob("*.tif"))
    start = time.perf_counter()
    pixel_dates = decode_all(paths, threads=threads)
    seconds = time.perf_counter() - start
    stored = sum(path.stat().st_size for path in paths)
    facts = {"seconds": seconds, "pixel_dates": pixel_dates, "stored": stored}
    write_answer(out, facts)


if __name__ == "__main__":
    typer.run(main)
