"""Rasters opened, of whatever kind."""

from pathlib import Path

import rasterio
from rasterio.enums import ColorInterp, Resampling
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader
from rasterio.vrt import WarpedVRT

from am4cm_cli.errors import UnreadableError
from am4cm_cli.stacks.headers import not_georeferenced_is_fine
from am4cm_cli.stacks.locations import file_behind, gdal_name
from am4cm_cli.stacks.sources import VIEW
from am4cm_cli.stacks.stack import Grid


class Warped(WarpedVRT):  # type: ignore[misc]
    """A raster on another grid, each pixel the nearest of its own, with an alpha band."""

    def __init__(self, source: DatasetReader, onto: Grid) -> None:
        """Take an open raster, which is closed with this one."""
        kinds = source.colorinterp
        has_alpha = ColorInterp.alpha in kinds
        super().__init__(
            source,
            crs=onto.crs,
            transform=onto.transform,
            height=onto.shape[0],
            width=onto.shape[1],
            resampling=Resampling.nearest,
            # The warper would turn one band's nodata into 0 and call the pixel valid.
            src_nodata=None,
            add_alpha=not has_alpha,
        )
        self.alpha = kinds.index(ColorInterp.alpha) + 1 if has_alpha else self.count
        """Number of the band that is 0 beyond the raster, and where its mask says so."""
        self._source = source

    def close(self) -> None:
        """Close both."""
        super().close()
        self._source.close()


def open_raster(path: Path, onto: Grid | None = None) -> DatasetReader:
    """Open what holds bands of scenes, warped onto a grid if need be; rasterio's errors pass."""
    source = rasterio.open(gdal_name(path))
    if onto is None:
        return source
    try:
        return Warped(source, onto)
    except BaseException:
        source.close()
        raise


def files_behind(path: Path) -> list[Path]:
    """The files of this machine that hold a raster's pixels: more than one of a VRT.

    Raises:
        UnreadableError: it is a VRT that cannot be opened.
    """
    names = [str(path)]
    if path.suffix.lower() == VIEW:
        try:
            with not_georeferenced_is_fine(), open_raster(path) as raster:
                names = raster.files
        except RasterioError as error:
            raise UnreadableError(
                f"{path}: cannot be opened ({error}); fetch it again.", path
            ) from error
    return [file for name in names if (file := file_behind(Path(name)))]
