"""Damage to a header that GDAL only warns of."""

import re
from collections.abc import Sequence
from pathlib import Path
from xml.etree.ElementTree import ParseError

from am4cm_cli.errors import UnreadableError, first_line
from am4cm_cli.stacks.locations import gdal_name, is_virtual

LOST = re.compile(
    # libtiff leaves a tag out, or what follows a null byte in it; by name, or by number. Of the
    # georeference all but the names of its parts.
    r"(GDALMetadata|GDALNoDataValue|Geo(?!ASCII)\w+|tag (42112|42113|33550|33922|34264|3473[56])\b)"
    r".*(ignored|truncated|not allocated)"
    r"|Null count for .(GDAL|Geo)"
    # One whose number was damaged is unknown, and mostly out of order.
    r"|tags are not sorted|GeoTIFF tags apparently corrupt"
    # Metadata is XML, in the file and beside it; so are views.
    r"|\bLine \d+: |XML"
)
"""Of GDAL's warnings, those that tell of lost facts about pixels and their place."""
KIND = re.compile(r"^CPLE_\w+ in ")
"""Which rasterio puts before them."""


def check_whole(path: Path, warned: Sequence[str]) -> None:
    """Refuse a header of which GDAL lost something that would read as not declared.

    Without its scale, offset or nodata a file gives other reflectance, or clouds of no data.

    Args:
        path: of the raster.
        warned: what GDAL warned of while it was opened.

    Raises:
        UnreadableError: some of it may be lost.
    """
    said = (_without_name(warning, path) for warning in warned)
    for warning in filter(LOST.search, said):
        raise UnreadableError(
            f"{gdal_name(path)}: its header is damaged ({warning}), so that "
            "scale, offset, nodata or place may be lost; expected one that GDAL reads whole. Fetch "
            "the file again; or if gdalinfo shows all that it should hold, write it anew with "
            "gdal_translate.",
            path,
        )
    _check_beside(path)


def _without_name(warning: str, path: Path) -> str:
    """GDAL's own words: a file or its folder may be called GeoTIFF or XML."""
    for name in (gdal_name(path), path.name):
        warning = warning.replace(name, "")
    return KIND.sub("", warning).strip(": ")


def _check_beside(path: Path) -> None:
    """Of metadata beside a file GDAL does not even warn."""
    beside = path.with_name(f"{path.name}.aux.xml")
    if is_virtual(path) or not beside.is_file():
        return
    from defusedxml.common import DefusedXmlException  # on use: few files have one
    from defusedxml.ElementTree import parse

    try:
        parse(beside)
    # A declared encoding may be unknown, or one that the parser refuses.
    except (DefusedXmlException, ParseError, LookupError, ValueError, OSError) as error:
        raise UnreadableError(
            f"{beside}: is no XML ({first_line(error)}), so that the scale, offset or nodata it "
            f"may hold for {path.name} are lost; expected what GDAL writes. Fetch it again, or "
            "remove it if gdalinfo shows that the image holds them itself.",
            path,
        ) from error
