"""Settings of the original L-TAE by their number of parameters (Garnot and Landrieu 2020)."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Size:
    """One of the authors' settings; a series has 128 features a date in all of them."""

    heads: int
    neurons: tuple[int, ...]
    """Channels of the embedded dates, then of each layer of the MLP."""
    convolution: bool
    """A 1x1 convolution from the features to the channels, which need not be equal then."""


FEATURES = 128
KEY_CHANNELS = 8
SIZES = {
    "9k": Size(heads=8, neurons=(128,), convolution=False),
    "34k": Size(heads=16, neurons=(128, 128), convolution=False),
    "112k": Size(heads=16, neurons=(256, 128), convolution=True),
    "288k": Size(heads=32, neurons=(512, 128), convolution=True),
}
"""8,832, 33,920, 112,000 and 288,640 parameters in the original form."""
