"""What is masked, grown by a disc."""

from math import isqrt

import numpy as np
from numpy.typing import NDArray

SMALL = 16
"""Radius up to which a disc is quicker row by row than by distances."""


def dilate(masked: NDArray[np.bool_], radius: int) -> NDArray[np.bool_]:
    """Add the pixels whose centre is at most `radius` pixels from that of a masked one.

    Args:
        masked: (Y, X)
        radius: of the disc.

    Returns:
        (Y, X)
    """
    if radius == 0 or not masked.any():
        return masked
    if radius <= SMALL:
        return _by_rows(masked, radius)
    from scipy.ndimage import distance_transform_edt

    # Exact: the square of a distance is a whole number.
    near: NDArray[np.bool_] = distance_transform_edt(~masked) <= radius
    return near


def _by_rows(masked: NDArray[np.bool_], radius: int) -> NDArray[np.bool_]:
    """A disc is as many lines as it is high: grow along each, and move that up and down."""
    from scipy.ndimage import maximum_filter1d

    grown = masked.copy()
    for away in range(min(radius + 1, len(masked))):
        length = 2 * isqrt(radius**2 - away**2) + 1
        line = maximum_filter1d(masked.view(np.uint8), length, axis=1, mode="constant").view(bool)
        grown[away:] |= line[: len(line) - away]
        grown[: len(line) - away] |= line[away:]
    return grown
