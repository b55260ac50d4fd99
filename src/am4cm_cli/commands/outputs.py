"""Options for outputs beside a mask, which `mask` and `export` share."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from am4cm_cli.commands.console import output, progress
from am4cm_cli.commands.options import is_given, option_hint

if TYPE_CHECKING:
    from am4cm_cli.exports import Exports
    from am4cm_cli.storage import Storage

PANEL = "Outputs"


class Format(StrEnum):
    """What OUT is."""

    COG = "cog"
    GTIFF = "gtiff"
    ZARR = "zarr"


OutFormat = Annotated[
    Format,
    typer.Option(
        "--format",
        help="Of OUT: cloud-optimised GeoTIFF, a tiled one without overviews, or a Zarr cube.",
        rich_help_panel=PANEL,
    ),
]
Creation = Annotated[
    list[str] | None,
    typer.Option(
        "--co",
        metavar="KEY=VALUE",
        help="GDAL's creation option of all rasters written, such as COMPRESS=ZSTD or "
        "BLOCKSIZE=512; may be given several times.",
        show_default=False,
        rich_help_panel=PANEL,
    ),
]
Split = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="Write a raster for each date, named by it, too.",
        show_default=False,
        rich_help_panel=PANEL,
    ),
]
Binary = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Write 0 clear, 1 masked, 255 nodata, too; with a QGIS style beside it.",
        show_default=False,
        rich_help_panel=PANEL,
    ),
]
Threshold = Annotated[
    float,
    typer.Option(
        min=0,
        max=100,
        metavar="PERCENT",
        help="From this on a pixel is masked, or counted as cloudy.",
        rich_help_panel=PANEL,
    ),
]
Dilate = Annotated[
    int,
    typer.Option(
        min=0,
        max=500,
        metavar="PIXELS",
        help="Of --binary: mask what is so near to it, too (a disc); nodata stays as it is.",
        rich_help_panel=PANEL,
    ),
]
Table = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Write the share of cloud by date, and by zone, as .csv or .parquet.",
        show_default=False,
        rich_help_panel=PANEL,
    ),
]
ZonesFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Of --table: polygons to count in (GeoPackage, GeoJSON, GeoParquet).",
        exists=True,
        show_default=False,
        rich_help_panel=PANEL,
    ),
]
ZoneField = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Of --zones: the field that names them. Default: numbers from 1.",
        show_default=False,
        rich_help_panel=PANEL,
    ),
]
Stac = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="Write a static STAC collection: an item with its rasters for each date.",
        show_default=False,
        rich_help_panel=PANEL,
    ),
]
Style = Annotated[
    bool,
    typer.Option("--style", help="Write a QGIS style beside the mask, too.", rich_help_panel=PANEL),
]

OUTPUTS = ("split", "binary", "table", "stac")
"""Outputs of one mask, by the parameters that name them."""
MEANS = {
    "threshold": ("binary", "table", "stac"),
    "dilate": ("binary",),
    "zones": ("table",),
    "zone_field": ("zones",),
}
"""Options that mean nothing without one of others."""
RASTERS = ("split", "binary", "stac", "classes", "reliability", "attention", "clear_sky")
"""Outputs that are GeoTIFFs, whatever OUT is."""
STDOUT = Path("-")


def read_exports(context: typer.Context, mask: Path) -> "Exports":
    """Gather the outputs that are asked for beside a mask."""
    from am4cm_cli.exports import Exports, Zones, style_path

    given: Mapping[str, Any] = context.params
    _check_meaning(context, mask)
    zones = given["zones"] if given["table"] else None
    return Exports(
        **{name: given[name] for name in (*OUTPUTS, "threshold", "dilate")},
        zones=zones and Zones(path=zones, field=given["zone_field"]),
        style=style_path(mask) if given["style"] and _has_room(context, mask) else None,
    )


def read_storage(context: typer.Context) -> "Storage":
    """Gather how rasters are to be stored."""
    from am4cm_cli.rasters.creation import read_options
    from am4cm_cli.storage import Storage

    form, options = context.params["form"], read_options(context.params["co"] or [])
    return Storage(overviews=form is not Format.GTIFF, options=options)


@contextmanager
def output_raster(out: Path, form: Format, *, overwrite: bool) -> Iterator[Path]:
    """Yield the GeoTIFF to write for OUT, of which a Zarr cube is made at the end.

    Raises:
        OutputError: OUT cannot be written.
        MissingExtraError: a library for it is not installed.
    """
    if form is not Format.ZARR:
        with output(out, overwrite=overwrite) as path:
            yield path
        return
    from am4cm_cli.exporting.checks import check_whole_cube
    from am4cm_cli.exporting.cubes import write_cube
    from am4cm_cli.rasters.masks import open_own

    check_whole_cube(out, overwrite=overwrite)
    raster = written_raster(out, form)
    try:
        yield raster
        write_cube(open_own(raster), out, overwrite=overwrite, track=progress("Writing Zarr"))
    finally:
        raster.unlink(missing_ok=True)


def written_raster(out: Path, form: Format) -> Path:
    """The GeoTIFF that is written for OUT, whose parts lie beside it: OUT itself, or hidden."""
    return out.with_name(f".{out.name}.tif") if form is Format.ZARR else out


GEOTIFF = (".tif", ".tiff")
"""Suffixes of rasters; a name may also have none."""


def check_raster_names(context: typer.Context, *names: str) -> None:
    """Refuse names of other formats for parameters whose outputs are GeoTIFFs."""
    given: Mapping[str, Any] = context.params
    for name in names:
        path = given[name]
        if path is not None and path.suffix.lower() not in {"", *GEOTIFF}:
            raise typer.BadParameter(
                f"{path}: is written as a GeoTIFF; expected a name that ends in .tif; for a "
                "picture: am4cm draw",
                param_hint=option_hint(context, name),
            )


def name_out(out: Path) -> str:
    """Name OUT in a message."""
    return "standard output" if out == STDOUT else str(out)


def name_exports(exports: "Exports") -> list[str]:
    """Name what is written beside a mask."""
    named = [exports.split, exports.binary, exports.table, exports.stac, exports.style]
    return [str(path) for path in named if path is not None]


def _check_meaning(context: typer.Context, mask: Path) -> None:
    given: Mapping[str, Any] = context.params
    for name, others in MEANS.items():
        if is_given(context, name) and not any(given[other] is not None for other in others):
            words = " or ".join(f"--{other}" for other in others)
            raise typer.BadParameter(
                f"has no use without {words}", param_hint=option_hint(context, name)
            )
    if any(given[name] == STDOUT for name in OUTPUTS):
        raise typer.BadParameter("only OUT may be standard output")
    if not 0 <= given["threshold"] <= 100:  # what is not a number passes for one
        raise typer.BadParameter("expected 0 to 100", param_hint="'--threshold'")
    check_raster_names(context, "binary")
    _check_format(context, mask)


def _has_room(context: typer.Context, mask: Path) -> bool:
    """Whether a style can lie beside OUT."""
    return mask != STDOUT and context.params["form"] is not Format.ZARR


def _check_format(context: typer.Context, mask: Path) -> None:
    """Refuse what OUT cannot be, or what it leaves no use for."""
    given: Mapping[str, Any] = context.params
    is_zarr, styled = given["form"] is Format.ZARR, is_given(context, "style")
    if is_zarr and is_given(context, "co") and not any(map(given.get, RASTERS)):
        raise typer.BadParameter("has no use with --format zarr alone", param_hint="'--co'")
    if is_zarr and (mask == STDOUT or styled):
        raise typer.BadParameter("zarr is a folder, without a style", param_hint="'--format'")
    if styled and mask == STDOUT:
        raise typer.BadParameter("has no file to lie beside", param_hint="'--style'")
    if given["out"] is None or given.get("each"):
        return
    if mask.suffix.lower() in (GEOTIFF if is_zarr else (".zarr",)):
        raise typer.BadParameter(
            f"{mask}: its name is of another format than {given['form'].value}",
            param_hint="'--format'",
        )
    if not is_zarr:
        check_raster_names(context, "out")
