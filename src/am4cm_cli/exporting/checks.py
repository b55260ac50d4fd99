"""Outputs of an export, looked at before any work is spent on them."""

from collections.abc import Sequence
from pathlib import Path

from am4cm_cli.errors import OutputError
from am4cm_cli.exporting.catalogue import check_place_on_earth, is_catalogue
from am4cm_cli.exporting.copies import holds_dates
from am4cm_cli.exporting.cubes import check_cube, is_cube
from am4cm_cli.exporting.tables import check_table
from am4cm_cli.exporting.zones import read_zones
from am4cm_cli.exports import Exports
from am4cm_cli.files import check_apart, check_output, check_place
from am4cm_cli.stacks.stack import Grid

RASTERS = {".tif", ".tiff"}


def check_exports(
    exports: Exports,
    grid: Grid,
    *,
    others: Sequence[Path],
    inputs: Sequence[Path],
    folders: Sequence[Path] = (),
    overwrite: bool,
) -> None:
    """Make sure that everything asked for can be made.

    Args:
        exports: to make.
        grid: of the mask.
        others: further outputs of the run.
        inputs: what no output may take the place of.
        folders: further outputs of the run, each a folder of a raster for each date.
        overwrite: whether outputs that exist are replaced.

    Raises:
        OutputError: an output cannot be written, or two have one name.
        MissingExtraError: a library is not installed.
        StackError: the zones cannot be used.
    """
    _check_raster(exports.binary)
    for path in exports.files:
        check_output(path, overwrite=overwrite)
    dated = [(folder, holds_dates) for folder in (exports.split, *folders)]
    for folder, is_own in [*dated, (exports.stac, is_catalogue)]:
        if folder is not None:
            check_place(folder)
            if folder.exists():
                _check_former(folder, folder.is_dir() and is_own(folder), overwrite=overwrite)
    whole = [*exports.folders, *folders]
    check_apart([*exports.files, *whole, *others], inputs, whole)
    if exports.table is not None:
        check_table(exports.table)
    if exports.stac is not None:
        check_place_on_earth(exports.stac, grid)
    if exports.zones is not None:
        read_zones(exports.zones, grid)


def check_whole_cube(out: Path, *, overwrite: bool) -> None:
    """Make sure that a Zarr cube can appear there; raises as `check_exports` does."""
    check_cube(out)
    check_place(out)
    if out.exists():
        _check_former(out, is_cube(out), overwrite=overwrite)


def _check_former(folder: Path, is_own: bool, *, overwrite: bool) -> None:
    if not overwrite:
        raise OutputError(f"{folder}: exists already; choose another name, or --overwrite it.")
    if not is_own:
        raise OutputError(
            f"{folder}: holds more than am4cm wrote, so it is not replaced. Choose another name, "
            "or remove it yourself first."
        )


def _check_raster(path: Path | None) -> None:
    if path is not None and path.suffix.lower() not in RASTERS:
        raise OutputError(f"{path}: is written as a GeoTIFF; give it a name that ends in .tif.")
