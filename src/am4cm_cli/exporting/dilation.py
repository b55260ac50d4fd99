"""What is masked, grown by a disc."""

import numpy as np
from numpy.typing import NDArray


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
    from scipy.ndimage import distance_transform_edt

    # Exact: of a distance, the square is a whole number. Takes the same time whatever the radius.
    near: NDArray[np.bool_] = distance_transform_edt(~masked) <= radius
    return near
