"""Names of files for the bands of a mask."""

import re
from collections.abc import Sequence
from pathlib import Path

from am4cm_cli.errors import OutputError

_UNSAFE = re.compile(r"[^0-9A-Za-z._-]+")


def file_names(path: Path, bands: Sequence[str]) -> list[str]:
    """Names without suffix, one for each band: 2018-01-06, or 2018-01-06T105022 with a time.

    Raises:
        OutputError: bands of the raster have no names, or two of them would share one.
    """
    # Whatever a file says of itself: a colon is no name on Windows, a slash leads elsewhere.
    names = [_UNSAFE.sub("-", band.replace(":", "")).strip(".-") for band in bands]
    if not all(names) or len({name.lower() for name in names}) < len(names):
        raise OutputError(
            f"{path}: its bands are named {', '.join(map(repr, bands))}; expected dates, each "
            "once, to name files by. Make the mask again."
        )
    return names
