"""Rasters opened, of whatever kind."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, cast

import rasterio
from numpy.typing import NDArray
from rasterio.enums import ColorInterp, Resampling
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window

from am4cm_cli.errors import UnreadableError
from am4cm_cli.rasters.cubes import open_cube_raster
from am4cm_cli.stacks.cube_files import is_cube
from am4cm_cli.stacks.headers import not_georeferenced_is_fine
from am4cm_cli.stacks.locations import file_behind, gdal_name
from am4cm_cli.stacks.sources import VIEW
from am4cm_cli.stacks.stack import Grid, Stack


class Raster(Protocol):
    """What reads bands by their numbers, as rasterio's own rasters do."""

    @property
    def shape(self) -> tuple[int, int]:
        """(Y, X) pixels."""

    def read(
        self,
        indexes: Sequence[int],
        *,
        window: Window | None = None,
        out: NDArray[Any] | None = None,
        out_shape: tuple[int, ...] | None = None,
    ) -> NDArray[Any]:
        """(N, Y, X) numbers of a window, which may be shown in the nearest pixels of a shape."""

    def close(self) -> None:
        """Close its file."""


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


def open_raster(path: Path, onto: Grid | None = None) -> Raster:
    """Open what holds bands of scenes, warped onto a grid if need be; rasterio's errors pass."""
    if is_cube(path):
        assert onto is None, "a cube is not warped: see Frame"
        return open_cube_raster(path)
    source = rasterio.open(gdal_name(path))
    if onto is None:
        return cast("Raster", source)
    try:
        return cast("Raster", Warped(source, onto))
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
            with not_georeferenced_is_fine(), rasterio.open(gdal_name(path)) as raster:
                names = raster.files
        except RasterioError as error:
            raise UnreadableError(
                f"{path}: cannot be opened ({error}); fetch it again.", path
            ) from error
    return [file for name in names if (file := file_behind(Path(name)))]


def image_files(stack: Stack) -> set[Path]:
    """Resolved, all files of this machine that hold a stack's images: TIFFs of VRTs, zips, too.

    Raises:
        UnreadableError: one is a VRT that cannot be opened, of a scene that is not known for it.
    """
    named = (path for scene in stack.scenes for path in scene.paths)
    held = (file for path in stack.paths for file in files_behind(path))
    return {path.resolve() for path in (*named, *held)}
