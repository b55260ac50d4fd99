"""How a stack's images are read: options that all commands on stacks share."""

from collections.abc import Callable
from datetime import datetime
from functools import partial, wraps
from inspect import Parameter, signature
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from am4cm_cli.commands.completion import complete_bands
from am4cm_cli.commands.options import checked_by, is_given, split_names
from am4cm_cli.stacks.options import Box, StackOptions

T = TypeVar("T")
option = partial(typer.Option, show_default=False, rich_help_panel="Images")


def _of_a_box(context: typer.Context, value: str | None) -> str | None:
    """Pass over a CRS that is set for good where there is no box for it.

    Click reads what is set for good last, and in the order of the options, so --bbox is known.
    """
    is_idle = not is_given(context, "bbox_crs") and context.params.get("bbox") is None
    return None if is_idle else value


def image_options(
    bands: Annotated[
        str | None,
        option(
            metavar="B02,B03,...",
            callback=checked_by(split_names),
            help="Names of the bands in file order, where files carry none.",
            autocompletion=complete_bands,
        ),
    ] = None,
    scale: Annotated[
        float | None,
        option(
            metavar="NUMBER",
            help="reflectance = dn * scale + offset. Default: the file's or product's, or 0.0001 "
            "for integers.",
        ),
    ] = None,
    offset: Annotated[
        float | None,
        option(
            metavar="NUMBER",
            help="In reflectance: -0.1 from baseline 04.00 on. Default: the file's or product's, "
            "or 0.",
        ),
    ] = None,
    dates: Annotated[
        Path | None,
        option(
            metavar="FILE",
            help="CSV of file name and ISO date; outweighs names and tags.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    first_day: Annotated[
        datetime | None,
        option(
            "--from",
            metavar="DATE",
            formats=["%Y-%m-%d"],
            help="Leave out earlier images.",
        ),
    ] = None,
    last_day: Annotated[
        datetime | None,
        option(
            "--to",
            metavar="DATE",
            formats=["%Y-%m-%d"],
            help="Leave out later images; those of this day are taken.",
        ),
    ] = None,
    max_cloud: Annotated[
        float | None,
        option(
            metavar="SHARE",
            min=0,
            max=1,
            help="Leave out images that their metadata call cloudier, such as 0.8.",
        ),
    ] = None,
    bbox: Annotated[
        str | None,
        option(
            metavar="W,S,E,N",
            help="Crop to the pixels that this box touches, in the images' CRS or --bbox-crs.",
        ),
    ] = None,
    bbox_crs: Annotated[
        str | None,
        option(
            metavar="CRS",
            help="Of --bbox: EPSG:4326 for degrees, longitude first.",
            callback=_of_a_box,
        ),
    ] = None,
    polygon: Annotated[
        Path | None,
        option(
            metavar="FILE",
            help="Crop to the polygons of a GeoPackage, GeoJSON or GeoParquet; pixels with their "
            "centre outside come out as nodata.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    resolution: Annotated[
        float | None,
        option(
            metavar="METRES",
            min=1,
            help="Average finer bands to pixels of 20 m, say. Default: the finest band's.",
        ),
    ] = None,
    align: Annotated[
        bool,
        option("--align", help="Warp to the first image's grid."),
    ] = False,
    align_to: Annotated[
        Path | None,
        option(
            metavar="RASTER",
            help="Warp to the grid of this raster.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
) -> StackOptions:
    """Put what the user says of the images together."""
    return StackOptions(
        band_names=split_names(bands),
        scale=scale,
        offset=offset,
        dates=dates,
        first_day=first_day.date() if first_day else None,
        last_day=last_day.date() if last_day else None,
        max_cloud=max_cloud,
        box=_box(bbox, bbox_crs),
        polygon=polygon,
        resolution=resolution,
        align=align,
        align_to=align_to,
    )


IMAGE_OPTIONS = tuple(signature(image_options).parameters)
"""Their names, as the parameters of commands."""


def takes_images(command: Callable[..., T]) -> Callable[..., T]:
    """Give a command the options of `image_options` in place of its parameter `images_as`."""
    own = list(signature(command).parameters.values())
    shared = list(signature(image_options).parameters.values())
    parameters = [*chain.from_iterable(shared if p.name == "images_as" else [p] for p in own)]

    @wraps(command)
    def with_options(**given: Any) -> T:
        said = {name: given.pop(name) for name in IMAGE_OPTIONS if name in given}
        return command(**given, images_as=image_options(**said))

    # Typer reads these two.
    told: Any = with_options
    told.__signature__ = signature(command).replace(parameters=parameters)
    told.__annotations__ = {
        parameter.name: parameter.annotation
        for parameter in parameters
        if parameter.annotation is not Parameter.empty
    }
    return with_options


def _box(text: str | None, crs: str | None) -> Box | None:
    if text is None:
        if crs is not None:
            raise typer.BadParameter("has no use without --bbox", param_hint="'--bbox-crs'")
        return None
    try:
        west, south, east, north = map(float, text.split(","))
    except ValueError as error:
        raise typer.BadParameter(
            f"{text!r}: expected four numbers W,S,E,N, such as 500000,5620000,510000,5630000",
            param_hint="'--bbox'",
        ) from error
    return Box(west=west, south=south, east=east, north=north, crs=crs)
