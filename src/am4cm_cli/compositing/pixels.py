"""From observations to a composite, pixel by pixel."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from am4cm_cli.reflectances import LEAST, MOST, NODATA, SCALE

NEVER_SEEN = 65535
"""In place of a count of 0 where there is no observation, clear or not."""
NO_DATE = 0


def store(
    dn: NDArray[Any], scale: NDArray[np.float32], offset: NDArray[np.float32]
) -> NDArray[np.int16]:
    """Turn numbers of files into those of `reflectances`, rounded.

    Args:
        dn: any shape, finite.
        scale: of a shape that fits; reflectance = dn * scale + offset.
        offset: likewise.
    """
    steps = dn * (scale / np.float32(SCALE)) + offset / np.float32(SCALE)
    stored: NDArray[np.int16] = np.clip(np.rint(steps), LEAST, MOST).astype(np.int16)
    return stored


def median(stored: NDArray[np.int16], clear: NDArray[np.bool_]) -> NDArray[np.int16]:
    """The median over the clear dates, halves rounded up.

    Args:
        stored: (T, P)
        clear: (T, P)

    Returns:
        (P,), NODATA where no date is clear.
    """
    # What is not clear sorts to the end, behind or among equals.
    values = np.full(stored.shape[::-1], MOST, np.int16)
    np.copyto(values, stored.T, where=clear.T)
    values.sort(axis=1)
    count = clear.sum(axis=0)
    places = np.stack([np.maximum(count - 1, 0) // 2, count // 2], axis=1)
    low, high = np.take_along_axis(values, places, axis=1).T.astype(np.int32)
    middle = (low + high + 1) // 2
    return np.where(count > 0, middle, NODATA).astype(np.int16)


def best_dates(
    percent: NDArray[np.uint8], clear: NDArray[np.bool_], apart: NDArray[np.int32]
) -> NDArray[np.int64]:
    """The date of the best clear observation: near in time, and surely clear.

    A percent of probability counts as a day. Of equals, the less probably cloudy one is taken,
    and of these the first.

    Args:
        percent: (T, P) probability of cloud, 0 to 100 where clear.
        clear: (T, P)
        apart: (T,) days from the day that is wanted.

    Returns:
        (P,) places in T; any where no date is clear.
    """
    worth = (apart[:, None] + percent) * np.int32(101) + percent
    places: NDArray[np.int64] = np.where(clear, worth, np.iinfo(np.int32).max).argmin(axis=0)
    return places


def counts(clear: NDArray[np.bool_], seen: NDArray[np.bool_]) -> NDArray[np.uint16]:
    """How many dates of each pixel are clear; NEVER_SEEN where there is no observation.

    Args:
        clear: (T, P)
        seen: (T, P), those that are clear or cloudy.

    Returns:
        (P,)
    """
    count = clear.sum(axis=0).astype(np.uint16)
    return np.where(seen.any(axis=0), count, np.uint16(NEVER_SEEN))
