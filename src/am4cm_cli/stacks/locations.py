"""Where GDAL finds a raster: a file, a member of an archive, or a URL."""

import re
from pathlib import Path

_URL = re.compile(r"((?:^|/)[a-z][a-z0-9+.-]*:)/(?!/)")


def gdal_name(path: Path) -> str:
    """The name that GDAL opens.

    A `Path` holds URLs such as `/vsicurl/https://host/a.tif` too, but folds their double slash,
    which GDAL needs.
    """
    text = str(path)
    return _URL.sub(r"\1//", text, count=1) if is_virtual(path) else text


def is_virtual(path: Path) -> bool:
    """Whether GDAL alone can reach it: a member of an archive, or a file of another machine."""
    return str(path).startswith("/vsi")
