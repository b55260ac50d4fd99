"""Everything that is asked for of a finished mask."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from am4cm_cli.exporting.binaries import write_binary
from am4cm_cli.exporting.catalogue import write_catalogue
from am4cm_cli.exporting.copies import copy_dates
from am4cm_cli.exporting.shares import tally_zones
from am4cm_cli.exporting.tables import write_table
from am4cm_cli.exporting.zones import read_zones, whole_grid
from am4cm_cli.exports import Exports
from am4cm_cli.files import appear_together, write_text
from am4cm_cli.progress import Track
from am4cm_cli.rasters.cache import bounded_cache
from am4cm_cli.rasters.masks import MaskFile, open_mask, open_own
from am4cm_cli.rasters.styles import binary_style, probability_style
from am4cm_cli.storage import Storage


def export_mask(
    path: Path,
    exports: Exports,
    storage: Storage,
    *,
    beside: Sequence[Path] = (),
    name: str | None = None,
    track: Track = iter,
) -> None:
    """Write outputs of a mask that is whole; each appears whole, or not at all.

    Args:
        path: of the mask; for `exports.split` alone, any raster that am4cm wrote.
        exports: to make; see `check_exports`.
        storage: of all rasters among them, which are cloud-optimised in any case.
        beside: rasters of the same dates that go into the catalogue, too.
        name: of the mask in the catalogue; that of its file if None.
        track: follows the work.

    Raises:
        OutputError: an output cannot be written.
        StackError: the mask cannot be read, holds something else, or the zones cannot be used.
        MissingExtraError: a library is not installed.
    """
    storage = replace(storage, overviews=True)
    with bounded_cache():
        if exports.split is not None:
            copy_dates(open_own(path), exports.split, storage, track=track)
        if exports.binary is not None:
            _binary(open_mask(path), exports, exports.binary, storage, track=track)
        if exports.table is not None:
            _table(open_mask(path), exports, exports.table, track=track)
        if exports.stac is not None:
            masks = [open_mask(path), *_binaries(exports), *map(open_own, beside)]
            write_catalogue(
                masks,
                exports.stac,
                storage,
                threshold=exports.threshold,
                name=name or path.stem,
                track=track,
            )
        if exports.style is not None:
            write_text(exports.style, probability_style(open_mask(path).full))


def _binary(mask: MaskFile, exports: Exports, out: Path, storage: Storage, *, track: Track) -> None:
    paths = [path for path in (out, exports.binary_style) if path is not None]
    with appear_together(paths) as (raster, style):
        write_binary(
            mask,
            raster,
            storage,
            threshold=exports.threshold,
            radius=exports.dilate,
            shown=out,
            track=track,
        )
        style.write_text(binary_style(), encoding="utf-8")


def _binaries(exports: Exports) -> list[MaskFile]:
    return [] if exports.binary is None else [open_own(exports.binary)]


def _table(mask: MaskFile, exports: Exports, out: Path, *, track: Track) -> None:
    zones = [whole_grid(mask.grid)]
    if exports.zones is not None:
        zones = read_zones(exports.zones, mask.grid)
    tallies = tally_zones(mask, zones, threshold=exports.threshold, track=track)
    write_table(out, mask.names, [zone.name for zone in zones], tallies)
