"""Random fields that look natural: strong at long wavelengths, weak at short ones."""

import numpy as np
from numpy.typing import NDArray
from scipy import fft

Field = NDArray[np.float32]
"""(Y, X)"""


def fractal(
    rng: np.random.Generator,
    shape: tuple[int, int],
    *,
    slope: float = 3.0,
    outer: float = 128.0,
    stretch: float = 1.0,
    angle: float = 0.0,
) -> Field:
    """A (Y, X) random field of mean 0 and deviation 1 that repeats beyond its edges.

    Args:
        rng: Where its white noise comes from.
        shape: (Y, X).
        slope: Its power falls with this power of the wave number; 2 is rough, 4 is smooth.
        outer: Wavelength in pixels above which the power grows no more.
        stretch: Length over width of its features.
        angle: Direction of that length in degrees from the columns' axis.
    """
    power = _wave_number(shape, stretch, angle) ** 2 + (1 / outer) ** 2
    spectrum = fft.rfft2(rng.standard_normal(shape, dtype=np.float32)) * power ** (-slope / 4)
    spectrum[0, 0] = 0
    field = fft.irfft2(spectrum, s=shape)
    scaled: Field = (field / max(float(field.std()), 1e-9)).astype(np.float32)
    return scaled


def _wave_number(shape: tuple[int, int], stretch: float, angle: float) -> Field:
    rows = fft.fftfreq(shape[0]).astype(np.float32)[:, None]
    cols = fft.rfftfreq(shape[1]).astype(np.float32)[None, :]
    turn = np.float32(np.radians(angle))
    along = cols * np.cos(turn) + rows * np.sin(turn)
    across = rows * np.cos(turn) - cols * np.sin(turn)
    number: Field = np.hypot(along * np.float32(stretch**0.5), across / np.float32(stretch**0.5))
    return number
