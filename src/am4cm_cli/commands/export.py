"""`am4cm export`: a finished mask in other forms."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from am4cm_cli.commands.console import output, progress, say, unwind
from am4cm_cli.commands.options import Overwrite, is_given
from am4cm_cli.commands.outputs import (
    STDOUT,
    Binary,
    Creation,
    Dilate,
    Format,
    OutFormat,
    Split,
    Stac,
    Style,
    Table,
    Threshold,
    ZoneField,
    ZonesFile,
    name_exports,
    name_out,
    read_exports,
    read_storage,
)

if TYPE_CHECKING:
    from am4cm_cli.storage import Storage


def export(
    context: typer.Context,
    mask: Annotated[
        Path,
        typer.Argument(
            metavar="MASK",
            help="Raster that am4cm mask wrote.",
            exists=True,
            dir_okay=False,
            show_default=False,
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Argument(metavar="OUT", help="Copy in another --format.", show_default=False),
    ] = None,
    form: OutFormat = Format.COG,
    co: Creation = None,
    split: Split = None,
    binary: Binary = None,
    threshold: Threshold = 50,
    dilate: Dilate = 0,
    table: Table = None,
    zones: ZonesFile = None,
    zone_field: ZoneField = None,
    stac: Stac = None,
    style: Style = False,
    classes: Annotated[
        Path | None,
        typer.Option(
            "--with-classes",
            metavar="FILE",
            help="Of --stac: the classes that am4cm mask wrote beside MASK, to go with it.",
            exists=True,
            dir_okay=False,
            show_default=False,
        ),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Write a finished mask another way: other formats, dates apart, binary, tables, STAC."""
    if not (out or split or binary or table or stac or style):
        raise typer.BadParameter("name OUT, --split, --binary, --table, --stac or --style")
    if out is None:
        if form is not Format.COG and is_given(context, "form"):
            raise typer.BadParameter("has no use without OUT", param_hint="'--format'")
        context.params["form"] = Format.COG  # what is set for good is of OUT alone
    if classes and not stac:
        if is_given(context, "classes"):
            raise typer.BadParameter("has no use without --stac", param_hint="'--with-classes'")
        classes = None
    from am4cm_cli.exporting.checks import check_exports
    from am4cm_cli.exporting.verbs import export_mask
    from am4cm_cli.rasters.creation import check_storage
    from am4cm_cli.rasters.masks import open_mask, open_own

    unwind()
    exports, storage = read_exports(context, out or mask), read_storage(context)
    # Dates can be taken apart, and copied, of whatever am4cm wrote.
    found = open_mask(mask) if binary or table or stac or exports.style else open_own(mask)
    check_storage(storage, {found.dtype} | exports.dtypes)
    inputs = [path for path in (mask, zones, classes) if path is not None]
    others = [out] if out and out != STDOUT else []
    check_exports(exports, found.grid, others=others, inputs=inputs, overwrite=overwrite)
    if out is not None:
        _copy(mask, out, form, storage, overwrite=overwrite)
    export_mask(
        mask, exports, storage, beside=[classes] if classes else [], track=progress("Exporting")
    )
    written = [name_out(out)] if out else []
    say(f"Wrote {', '.join([*written, *name_exports(exports)])}.")


def _copy(mask: Path, out: Path, form: Format, storage: "Storage", *, overwrite: bool) -> None:
    from am4cm_cli.exporting.checks import check_whole_cube
    from am4cm_cli.exporting.copies import copy_whole
    from am4cm_cli.exporting.cubes import write_cube
    from am4cm_cli.rasters.cache import bounded_cache
    from am4cm_cli.rasters.masks import open_own

    if form is Format.ZARR:
        check_whole_cube(out, overwrite=overwrite)
        write_cube(open_own(mask), out, overwrite=overwrite, track=progress("Writing Zarr"))
        return
    with output(out, overwrite=overwrite) as path, bounded_cache():
        copy_whole(open_own(mask), path, storage, track=progress("Copying"))
