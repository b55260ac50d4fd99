"""The clear sky of a mask's dates: a folder with a raster of all bands for each."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from rasterio.windows import Window

from am4cm_cli.clock import Clock
from am4cm_cli.errors import OutputError
from am4cm_cli.exporting.copies import DATED, holds_dates
from am4cm_cli.exporting.names import file_names
from am4cm_cli.folders import new_folder
from am4cm_cli.layers import CLEAR_SKY
from am4cm_cli.rasters.cogs import CogWriter, create_cog
from am4cm_cli.rasters.opening import image_files
from am4cm_cli.reflectances import DTYPE, NODATA, SCALE
from am4cm_cli.stacks.stack import Stack
from am4cm_cli.storage import Storage

MOST_DATES = 500
"""All rasters are open at once, and systems allow a process some 1,024 files."""
OF_MASK = {"AM4CM_CALIBRATION", "AM4CM_CALIBRATED_ON", "AM4CM_SCENES"}
"""Tags that say nothing of a clear sky."""


@dataclass(frozen=True, kw_only=True)
class DatedWriter:
    """Takes the windows of all dates together, and gives each its own."""

    rasters: Sequence[CogWriter]

    def write(self, array: NDArray[Any], window: Window) -> None:
        """Write a (T * B, Y, X) array, all bands of the first date first."""
        dates = array.reshape(len(self.rasters), -1, *array.shape[1:])
        for raster, bands in zip(self.rasters, dates, strict=True):
            raster.write(bands, window)


def check_clear_sky(folder: Path, stack: Stack, method: str) -> None:
    """Raise OutputError if the clear sky of a stack cannot be written."""
    if method != "counterfactual":
        raise OutputError(
            f"{folder}: the method {method} estimates no clear sky in all bands; it needs "
            "--method counterfactual."
        )
    if len(stack.scenes) > MOST_DATES:
        raise OutputError(
            f"{folder}: the clear sky of {len(stack.scenes)} dates is asked for, and at most "
            f"{MOST_DATES} can be written at once. Name fewer with --from and --to."
        )
    _check_replaced(folder, stack)


def _check_replaced(folder: Path, stack: Stack) -> None:
    """A whole folder may be about to go: make sure that nothing in it is missed."""
    place = folder.resolve()
    for image in sorted(image_files(stack)):
        if place in (image, *image.parents):
            raise OutputError(
                f"{folder}: is replaced as a whole, but {image.name} of the images to be masked is "
                "in it; choose another name."
            )
    if folder.exists() and not (folder.is_dir() and holds_dates(folder)):
        raise OutputError(
            f"{folder}: holds more than am4cm wrote, so it is not replaced. Choose another name, "
            "or remove it yourself first."
        )


def estimate_notes(folders: Sequence[Path]) -> Iterator[str]:
    """Say what was written, so that nobody takes it for more."""
    for folder in folders:
        yield (
            f"{folder} holds estimates, made of the dates around each, and no observations: what "
            "changes within weeks is smoothed."
        )


def clear_sky_folder(out: Path | None) -> AbstractContextManager[Path | None]:
    """Yield an empty folder that becomes this one if the block ends well; None if not wanted."""
    if out is None:
        return nullcontext()
    return new_folder(out, members=[f"{DATED}.tif"], overwrite=out.exists())


@contextmanager
def clear_sky_rasters(
    folder: Path,
    stack: Stack,
    bands: Sequence[str],
    tags: Mapping[str, str],
    storage: Storage,
    *,
    shown: Path,
    clock: Clock,
) -> Iterator[DatedWriter]:
    """Open a raster for each date, named by it; `find_stack` takes the folder for a stack.

    Args:
        folder: to write to.
        stack: whose dates they are.
        bands: of each.
        tags: of the mask.
        storage: how they are stored.
        shown: what a message calls the folder.
        clock: is told what the last step takes.
    """
    dates = [scene.name for scene in stack.scenes]
    own = {name: text for name, text in tags.items() if name not in OF_MASK}
    with ExitStack() as files:
        rasters = [
            files.enter_context(
                create_cog(
                    folder / f"{name}.tif",
                    shown=shown / f"{name}.tif",
                    grid=stack.grid,
                    dtype=DTYPE,
                    nodata=NODATA,
                    names=bands,
                    tags={**own, "AM4CM_CONTENT": CLEAR_SKY, "AM4CM_DATE": date},
                    scale=SCALE,
                    storage=storage,
                    clock=clock,
                )
            )
            for date, name in zip(dates, file_names(shown, dates), strict=True)
        ]
        yield DatedWriter(rasters=rasters)
