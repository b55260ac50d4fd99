"""Where GDAL finds a raster: a file, a member of an archive, or a URL."""

import os
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


def stats(path: Path) -> list[os.stat_result]:
    """What the system tells of a file, or of each of a folder's; OSError where there is none."""
    if not path.is_dir():
        return [path.stat()]
    return [Path(root, name).stat() for root, _, names in os.walk(path) for name in names]
