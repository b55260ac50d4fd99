"""Calendar arithmetic on days since 1970-01-01."""

import numpy as np
from numpy.typing import NDArray


def day_of_year(days: NDArray[np.integer]) -> NDArray[np.float32]:
    """Day of the year, 1 to 366, of (T,) days since 1970-01-01."""
    dates = days.astype("datetime64[D]")
    since_new_year: NDArray[np.int64] = (dates - dates.astype("datetime64[Y]")).astype(np.int64)
    return (since_new_year + 1).astype(np.float32)
