"""What a raster says of itself before any pixel is read."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import rasterio
from affine import Affine
from rasterio.crs import CRS
from rasterio.errors import NotGeoreferencedWarning, RasterioIOError

from am4cm_cli.errors import StackError
from am4cm_cli.stacks.locations import gdal_name
from am4cm_cli.stacks.stack import Grid

THREADS = 4


@dataclass(frozen=True, kw_only=True)
class Header:
    """Facts of one raster; the tuples have one item per band."""

    path: Path
    grid: Grid
    dtypes: tuple[str, ...]
    blocks: tuple[tuple[int, int], ...]
    """(Y, X) pixels that are stored, and decoded, together."""
    descriptions: tuple[str, ...]
    """Empty where a band has none."""
    scales: tuple[float, ...]
    offsets: tuple[float, ...]
    nodata: tuple[float | None, ...]
    tags: Mapping[str, str]
    together: int = 0
    """Of a file with many scenes, bands in a row that are decoded together; 0 of other files."""

    @property
    def count(self) -> int:
        """How many bands the file has."""
        return len(self.dtypes)


def read_header(path: Path) -> Header:
    """Open a raster and note its facts; one that is not georeferenced has an empty CRS."""
    try:
        with rasterio.open(gdal_name(path)) as raster:
            return Header(
                path=path,
                grid=Grid(crs=_crs(raster.crs), transform=raster.transform, shape=raster.shape),
                dtypes=tuple(raster.dtypes),
                blocks=tuple(raster.block_shapes),
                descriptions=tuple(text or "" for text in raster.descriptions),
                scales=tuple(raster.scales),
                offsets=tuple(raster.offsets),
                nodata=tuple(raster.nodatavals),
                tags=raster.tags(),
            )
    except RasterioIOError as error:
        raise StackError(
            f"{gdal_name(path)}: cannot be opened as a raster ({_reason(error)}); expected a "
            f"GeoTIFF. Fetch it again, or remove it."
        ) from error


def read_headers(paths: Sequence[Path]) -> list[Header]:
    """Read the headers of many rasters, in their order."""
    with not_georeferenced_is_fine(), ThreadPoolExecutor(THREADS) as pool:
        futures = [pool.submit(read_header, path) for path in paths]
        try:
            return [future.result() for future in futures]
        finally:
            # The first error is the answer; don't open the other thousand files before giving it.
            pool.shutdown(cancel_futures=True)


@contextmanager
def not_georeferenced_is_fine() -> Iterator[None]:
    """Don't warn of rasters without a transform.

    Warning filters belong to the process: enter this outside the threads, never inside them.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        yield


def quiet(grid: Grid) -> AbstractContextManager[None]:
    """Don't warn of a missing transform where the stack is known to have none."""
    return nullcontext() if has_transform(grid.transform) else not_georeferenced_is_fine()


def has_transform(transform: Affine) -> bool:
    """False for a raster that is not georeferenced: it has the identity."""
    return not transform.is_identity


def _crs(crs: CRS | None) -> CRS:
    return crs or CRS()


def _reason(error: RasterioIOError) -> str:
    # GDAL's own words stand in the cause; rasterio's may only repeat the path.
    return str(error.__cause__ or error).strip()
