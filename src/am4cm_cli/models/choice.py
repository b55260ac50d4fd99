"""Untrained models by the names that `am4cm train --model` knows."""

from dataclasses import replace

from am4cm_cli.models.compat import Compat, CompatConfig
from am4cm_cli.models.ltae import LTAE, LTAEConfig
from am4cm_cli.models.pixel import PixelModel
from am4cm_cli.models.sizes import SIZES, Size

COMPAT = "compat-"
MODEL_NAMES = ("ltae", "mlp", *SIZES, *(COMPAT + size for size in SIZES))
"""Ours, the same with an MLP as embedding, the paper's sizes in our form and in theirs."""


def build(
    name: str,
    *,
    bands: tuple[str, ...],
    mean: tuple[float, ...],
    std: tuple[float, ...],
    classes: tuple[str, ...],
) -> PixelModel:
    """Make an untrained model, from torch's own random numbers.

    Args:
        name: one of MODEL_NAMES.
        bands: in the order the model is to see them.
        mean: (B,) reflectance that standardises to 0.
        std: (B,) reflectance that standardises to 1.
        classes: (K,) names.
    """
    assert name in MODEL_NAMES
    if name.startswith(COMPAT):
        plain = CompatConfig(bands=bands, mean=mean, std=std, classes=classes)
        return Compat(_original(plain, SIZES[name.removeprefix(COMPAT)]))
    config = LTAEConfig(bands=bands, mean=mean, std=std, classes=classes)
    if name in SIZES:
        return LTAE(_ours(config, SIZES[name]))
    return LTAE(replace(config, embedding="mlp" if name == "mlp" else "linear"))


def _original(config: CompatConfig, size: Size) -> CompatConfig:
    return replace(config, heads=size.heads, neurons=size.neurons, convolution=size.convolution)


def _ours(config: LTAEConfig, size: Size) -> LTAEConfig:
    """Bands straight to the channels, and at most one layer behind the attention."""
    channels, *hidden = size.neurons
    return replace(config, heads=size.heads, channels=channels, hidden=sum(hidden))
