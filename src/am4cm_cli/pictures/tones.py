"""Reflectance as brightness: dark ground is told apart, and clouds keep some shape."""

import numpy as np
from numpy.typing import NDArray

SHOULDER = 1.8
"""The clear ground gets the lower 1 - exp(-SHOULDER) of the range."""


def span(clear: NDArray[np.floating]) -> tuple[float, float]:
    """Reflectance to draw as black and as white: the darkest and brightest hundredth.

    Args:
        clear: reflectance of clear ground, of any shape; NaN is passed over.
    """
    seen = clear[np.isfinite(clear)]
    if not seen.size:
        return 0.0, 1.0
    darkest, brightest = np.percentile(seen, [1, 99])
    # Clear water or a dense forest alone would else be blown up to noise.
    return float(darkest), max(float(brightest), float(darkest) + 0.1)


def brighten(reflectance: NDArray[np.floating], black: float, white: float) -> NDArray[np.floating]:
    """Brightness in 0 to 1, which levels off above `white`; NaN stays NaN."""
    above = np.maximum((reflectance - black) / (white - black), 0)
    bright: NDArray[np.floating] = 1 - np.exp(-SHOULDER * above)
    return bright
