"""GDAL's memory for blocks it has read or will write, and its threads."""

import rasterio

CACHE_BYTES = 128 * 2**20


def bounded_cache(size: int = CACHE_BYTES) -> rasterio.Env:
    """Keep GDAL's cache small; enter this before any pixel is read.

    GDAL settles the size when it first needs it, by default at a twentieth of the machine's memory.
    JPEG 2000 it would decode with a thread for each core, for every one of those that read.
    """
    return rasterio.Env(GDAL_CACHEMAX=size, GDAL_NUM_THREADS="1")
