"""How long the ground stays unseen."""

import numpy as np
from numpy.typing import NDArray


def longest_gaps(clear: NDArray[np.bool_], days: NDArray[np.int64]) -> NDArray[np.int32]:
    """Longest stretch of days without a clear observation of each pixel.

    The series' first and last day end a stretch, too: a pixel clear on no date has a gap as long
    as the series, one clear on all of them the longest step between two dates.

    Args:
        clear: (T, Y, X) observed and not masked.
        days: (T,) since 1970-01-01, in time order.

    Returns:
        (Y, X) days.
    """
    steps = days.astype(np.int32)
    longest = np.zeros(clear.shape[1:], np.int32)
    latest = np.full(clear.shape[1:], steps[0])
    for seen, day in zip(clear, steps, strict=True):
        # Where not seen the step counts as 0, which is faster than to leave it out.
        np.maximum(longest, (day - latest) * seen, out=longest)
        np.copyto(latest, day, where=seen)
    np.maximum(longest, steps[-1] - latest, out=longest)
    return longest
