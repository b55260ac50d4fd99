"""Tiny stacks on disk, for every test that needs images."""

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from rasterio.windows import Window

from am4cm_cli.rasters.cogs import create_cog
from am4cm_cli.sensors import BAND_METRES, LAND_BANDS
from am4cm_cli.stacks.stack import Stack

CORNER = Affine(10, 0, 500_000, 0, -10, 5_000_000)
CRS = "EPSG:32631"
DAYS = ("2018-01-06", "2018-01-21", "2018-03-07")


def write_image(
    path: Path,
    dn: np.ndarray,
    *,
    names: Sequence[str] = (),
    transform: Affine | None = CORNER,
    crs: str | None = CRS,
    nodata: float | None = None,
    tags: dict[str, str] | None = None,
    scale: float = 1,
    offset: float = 0,
    **profile,
) -> Path:
    """Write a (B, Y, X) GeoTIFF."""
    path.parent.mkdir(parents=True, exist_ok=True)
    count, height, width = dn.shape
    shape = {"count": count, "height": height, "width": width, "dtype": dn.dtype}
    place = {} if transform is None else {"transform": transform}
    with rasterio.open(
        path, "w", driver="GTiff", crs=crs, nodata=nodata, **shape, **place, **profile
    ) as raster:
        # Names and tags first, so that the header stands before the pixels.
        raster.descriptions = tuple(names) or (None,) * count
        raster.update_tags(**tags or {})
        if (scale, offset) != (1, 0):
            raster.scales, raster.offsets = (scale,) * count, (offset,) * count
        raster.write(dn)
    return path


def random_dn(shape: tuple[int, ...], *, seed: int = 0) -> np.ndarray:
    """Plausible numbers, none of them 0."""
    return np.random.default_rng(seed).integers(1, 9000, shape).astype(np.uint16)


def write_stack(
    folder: Path,
    *,
    days: Sequence[str] = DAYS,
    bands: Sequence[str] = LAND_BANDS,
    shape: tuple[int, int] = (7, 5),
    dn: np.ndarray | None = None,
    nodata: float | None = 0,
    **image,
) -> np.ndarray:
    """Write one multi-band image per day, `S2_L2A_20180106.tif`.

    Returns:
        (T, B, Y, X) dn.
    """
    dn = random_dn((len(days), len(bands), *shape)) if dn is None else dn
    for day, layers in zip(days, dn, strict=True):
        name = f"S2_L2A_{day.replace('-', '')}.tif"
        write_image(folder / name, layers, names=bands, nodata=nodata, **image)
    return dn


def write_band_files(
    folder: Path,
    *,
    day: str = "2018-01-06",
    bands: Sequence[str] = ("B02", "B04", "B11"),
    shape: tuple[int, int] = (6, 4),
    pattern: str = "S2_{day}_{band}.tif",
    seed: int = 0,
    **image,
) -> dict[str, np.ndarray]:
    """Write one file per band; bands of 20 m on pixels of twice the side.

    Returns:
        (Y, X) dn of each band, on its own pixels.
    """
    layers = {}
    for place, band in enumerate(bands):
        factor = BAND_METRES[band] // 10
        dn = random_dn((1, shape[0] // factor, shape[1] // factor), seed=100 * seed + place)
        name = pattern.format(day=day.replace("-", ""), band=band)
        write_image(folder / name, dn, transform=CORNER @ Affine.scale(factor), **image)
        layers[band] = dn[0]
    return layers


def write_mask(
    path: Path, stack: Stack, percent: np.ndarray, *, tags: dict[str, str] | None = None
) -> Path:
    """Write (T, Y, X) percent, 255 nodata, as am4cm mask does."""
    height, width = stack.grid.shape
    with create_cog(
        path,
        grid=stack.grid,
        dtype="uint8",
        nodata=255,
        names=[scene.name for scene in stack.scenes],
        tags={"AM4CM_VERSION": "0.1.0", "AM4CM_METHOD": "counterfactual", **(tags or {})},
    ) as raster:
        raster.write(percent, Window(0, 0, width, height))
    return path


def every_days(count: int, *, step: int = 5, start: str = "2018-01-01") -> list[str]:
    """ISO dates at even steps."""
    first = date.fromisoformat(start)
    return [(first + timedelta(days=step * place)).isoformat() for place in range(count)]
