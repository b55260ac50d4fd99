"""What clouds do to the image of the ground: they shade it, veil it and outshine it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from am4cm_cli.simulation.clouds import BandField, Layer
from am4cm_cli.simulation.fractals import Field
from am4cm_cli.simulation.spectra import Spectrum
from am4cm_cli.simulation.sun import Sun

SKYLIGHT: Spectrum = np.array(
    [0.34, 0.29, 0.24, 0.22, 0.2, 0.19, 0.18, 0.175, 0.115, 0.095], np.float32
)
"""Share of the light on the ground that comes from the sky and from clouds beside, not the sun:
that of clear air and five hundredths more."""

AIR: Spectrum = np.array([0.011, 0.008, 0.006, 0.005, 0.004, 0.003, 0.003, 0.002, 0, 0], np.float32)
"""Path reflectance of clear air. A surface product takes it off everywhere, yet the air in a
shadow is dark, so that shadows come out too dark in the blue."""

CLEAR, THICK, THIN, SHADOW = range(4)
"""Classes of the truth."""

HIDDEN = 0.3
"""Share of the ground's contrast in the blue below which a cloud counts as thick."""

VEILED = 0.03
"""Reflectance added to dark ground above which a cloud or haze counts as thin: in the blue, or in
any band, since a high cloud's rim is elsewhere in each."""

SHADED = 0.25
"""Share of the direct light taken above which ground in view counts as shadow."""


def sunlight(layers: Sequence[Layer], sun: Sun, *, pixel: float) -> Field:
    """(Y, X) share of the direct light that reaches the ground below one layer or more."""
    light: Field = np.ones_like(layers[0].thickness)
    for layer in layers:
        rows, cols = sun.shadow(layer.height, pixel=pixel)
        shadow = layer.shadow(sun.cosine)
        light = light * np.roll(shadow, (round(rows), round(cols)), axis=(0, 1))
    return light


def shade(ground: BandField, light: Field) -> BandField:
    """The ground (B, Y, X) under a share (Y, X) of its direct light."""
    sky = SKYLIGHT[:, None, None]
    lit = ground * (sky + (1 - sky) * light) - AIR[:, None, None] * (1 - light)
    shaded: BandField = np.maximum(lit, 0)
    return shaded


def veil(ground: BandField, layer: Layer, cosine: float) -> BandField:
    """The ground seen through a layer, which reflects light back to it too."""
    returned = layer.returned(cosine)
    bright = returned * layer.particles.white[:, None, None]
    # Light that leaves its path comes from kilometres around: it carries no detail.
    around = ground.mean(axis=(1, 2), keepdims=True)
    contrast = np.minimum(layer.contrast(), 1 - returned)
    through = contrast * ground + (1 - returned - contrast) * around
    seen: BandField = bright * layer.gain + through / (1 - bright * around)
    return seen


def truth(layers: Sequence[Layer], light: Field, cosine: float) -> NDArray[np.uint8]:
    """(Y, X) class of every pixel: cloud in view before shadow on the ground.

    Args:
        layers: In view.
        light: (Y, X) share of the direct light left on the ground.
        cosine: Of the solar zenith.
    """
    dark = np.prod([1 - layer.returned(cosine) for layer in layers], axis=0)
    contrast = np.prod([layer.contrast()[0] for layer in layers], axis=0)
    classes = np.where(light < 1 - SHADED, SHADOW, CLEAR)
    classes = np.where(1 - dark.min(axis=0) > VEILED, THIN, classes)
    return np.where(contrast < HIDDEN, THICK, classes).astype(np.uint8)
