"""Where GDAL finds a raster: a file, a member of an archive, or a URL."""

import os
import re
from pathlib import Path

from am4cm_cli.errors import UnreadableError

_URL = re.compile(r"((?:^|/)[a-z][a-z0-9+.-]*:)/(?!/)")


def gdal_name(path: Path) -> str:
    """The name that GDAL opens.

    A `Path` holds URLs such as `/vsicurl/https://host/a.tif` too, but folds their double slash,
    which GDAL needs.
    """
    text = str(path)
    return _URL.sub(r"\1//", text, count=1) if is_virtual(path) else text


def look_up(path: Path) -> os.stat_result | None:
    """What the system knows of an image; None of GDAL's virtual files, which it does not know.

    Raises:
        UnreadableError: it has gone.
    """
    if is_virtual(path):
        return None
    try:
        return path.stat()
    except OSError as error:
        raise UnreadableError(
            f"{path}: has gone ({error.strerror}); fetch it again, or remove its scene.", path
        ) from error


def is_virtual(path: Path) -> bool:
    """Whether GDAL alone can reach it: a member of an archive, or a file of another machine."""
    return str(path).startswith("/vsi")
