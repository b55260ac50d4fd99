"""When the dates of a mask were acquired."""

from datetime import datetime

from am4cm_cli.errors import StackError
from am4cm_cli.marks import read_marks
from am4cm_cli.rasters.masks import MaskFile


def scene_times(mask: MaskFile) -> list[datetime]:
    """In UTC, midnight where the time of day is not known, in the order of the bands.

    Raises:
        StackError: the raster's bands are not named by dates.
    """
    try:
        if "AM4CM_SCENES" in mask.tags:
            times = [mark.time for mark in read_marks(mask.tags["AM4CM_SCENES"])]
            if len(times) == len(mask.names):
                return [datetime.fromisoformat(time) for time in times]
        return [datetime.fromisoformat(name) for name in mask.names]
    except ValueError as error:
        raise StackError(
            f"{mask.path}: does not tell the times of its bands ({error}); expected names such as "
            "2018-01-06. Make the mask again."
        ) from error
