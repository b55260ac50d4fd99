"""What clear air does on the way to the sun's light and back: from surface to L1C.

Air scatters (Rayleigh) and its ozone and water vapour absorb. The surface reflectance that goes in
may hold clouds: air absorbs nothing, so that bright ground and bright cloud come out much alike
wherever in the air they lie. Only vapour, which lies low, has to know their height.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from am4cm_cli.sensors import BAND_METRES
from am4cm_cli.simulation.clouds import DUST, BandField, Layer
from am4cm_cli.simulation.light import veil
from am4cm_cli.simulation.responses import responses
from am4cm_cli.simulation.spectra import SATELLITES
from am4cm_cli.simulation.sun import Sun

ALL_BANDS = tuple(BAND_METRES)
PerBand = NDArray[np.float64]
"""(13,) in the order of ALL_BANDS."""

VAPOUR_HEIGHT = 2000.0
"""Metres in which water vapour thins to about a third."""

VAPOUR: dict[str, float] = {"B09": 0.7, "B10": 4.5}
"""Absorption by vapour: its square root law, `exp(-k sqrt(centimetres x air mass))`, holds for
strong lines (Goody). B09's was set by L1C images of Lazio, where B09 / B8A goes from 0.35 in
winter to 0.17 in summer; B10's leaves 0.0001 of the ground and a third of a cirrus 9 km high."""

GASES: dict[str, float] = {
    "B02": 0.006,
    "B03": 0.030,
    "B04": 0.018,
    "B05": 0.012,
    "B06": 0.010,
    "B08": 0.012,
    "B11": 0.012,
    "B12": 0.025,
}
"""Vertical optical depth of what hardly changes: ozone (0.3 cm), oxygen, carbon dioxide, methane,
and the lines of vapour outside its bands."""


@dataclass(frozen=True, kw_only=True)
class Air:
    """The clear air of a day."""

    vapour: float
    """Water above the ground, centimetres."""
    aerosol: float
    """Optical thickness of fine dust at 550 nm."""


def draw_air(rng: np.random.Generator, season: float) -> Air:
    """The air of a day of the year: moist in summer, more or less dusty from day to day."""
    usual = 1.7 - 0.8 * np.cos(2 * np.pi * (season - 25) / 365)
    return Air(
        vapour=float(usual * rng.lognormal(0, 0.3)),
        aerosol=float(np.minimum(rng.lognormal(np.log(0.09), 0.5), 0.3)),
    )


def rayleigh_depth(wavelength: NDArray[np.float64]) -> NDArray[np.float64]:
    """Optical depth of clear air down to sea level (Hansen and Travis 1974); nanometres."""
    micro = wavelength / 1000
    depth: NDArray[np.float64] = (
        0.008569 * micro**-4.0 * (1 + 0.0113 * micro**-2.0 + 0.00013 * micro**-4.0)
    )
    return depth


def path_reflectance(depth: PerBand, cosine: float) -> PerBand:
    """Of the air alone over black ground, seen from straight above.

    Scattered once, without the loss on the way, which is about what is scattered more than once.

    Args:
        depth: Optical depth, 0 to 0.3.
        cosine: Of the solar zenith.
    """
    phase = 0.75 * (1 + cosine**2)
    reflectance: PerBand = depth * phase / (4 * cosine)
    return reflectance


def transmission(depth: PerBand, cosine: float) -> PerBand:
    """Share of the light that comes through, straight or scattered (Sobolev's two streams)."""
    straight = np.exp(-depth / cosine)
    through: PerBand = (2 / 3 + cosine + (2 / 3 - cosine) * straight) / (4 / 3 + depth)
    return through


def spherical_albedo(depth: PerBand) -> PerBand:
    """Share of the ground's light that the air sends back to it."""
    back: PerBand = 3 * depth / (4 + 3 * depth)
    return back


def top_of_atmosphere(
    seen: BandField, layers: Sequence[Layer], sun: Sun, air: Air, *, satellite: str
) -> BandField:
    """(13, Y, X) as the satellite sees it.

    Args:
        seen: (B, Y, X) surface reflectance with its clouds, LAND_BANDS of Sentinel-2A.
        layers: In view, lowest first; where each one is tells the vapour above it.
        sun: Where it stands.
        air: Of the day.
        satellite: "A" or "B".
    """
    dusty = veil(seen, _dust(air, seen), sun.cosine)
    bands = np.tensordot(SATELLITES[satellite], dusty, axes=1)
    centres = np.array([band.centre for band in responses(satellite).values()])
    above = _through_air(bands, rayleigh_depth(centres), sun.cosine)
    above *= _gases(sun.cosine)[:, None, None].astype(np.float32)
    return _through_vapour(above, layers, sun, air, satellite)


def _dust(air: Air, seen: BandField) -> Layer:
    thickness = np.full(seen.shape[1:], air.aerosol, np.float32)
    return Layer(thickness=thickness, height=0.0, particles=DUST)


def _through_air(bands: BandField, depth: PerBand, cosine: float) -> BandField:
    """Path light, and the ground's: straight up, or scattered, which comes from all around."""
    column = (slice(None), None, None)
    around = bands.mean(axis=(1, 2), keepdims=True)
    down, up = transmission(depth, cosine), transmission(depth, 1.0)
    straight = np.exp(-depth)[column]
    ground = straight * bands + (up[column] - straight) * around
    echo = 1 - spherical_albedo(depth)[column] * around
    above: BandField = (
        path_reflectance(depth, cosine)[column] + down[column] * ground / echo
    ).astype(np.float32)
    return above


def _gases(cosine: float) -> PerBand:
    depth = np.array([GASES.get(band, 0.0) for band in ALL_BANDS])
    through: PerBand = np.exp(-depth * (1 + 1 / cosine))
    return through


def vapour_transmission(k: float, vapour: float, cosine: float, *, height: float = 0.0) -> float:
    """Share of the light that vapour leaves, down to a height in metres and up again."""
    above = vapour * np.exp(-height / VAPOUR_HEIGHT)
    return float(np.exp(-k * np.sqrt(above * (1 + 1 / cosine))))


def _through_vapour(
    above: BandField, layers: Sequence[Layer], sun: Sun, air: Air, satellite: str
) -> BandField:
    for name, k in VAPOUR.items():
        band = ALL_BANDS.index(name)
        ground = vapour_transmission(k, air.vapour, sun.cosine)
        dimmed = above[band] * ground
        hidden: BandField | float = 1.0
        for layer in sorted(layers, key=lambda layer: -layer.height):
            left = vapour_transmission(k, air.vapour, sun.cosine, height=layer.height)
            sent, returned = _sent(layer, sun.cosine, SATELLITES[satellite][band])
            dimmed = dimmed + hidden * sent * (left - ground)
            hidden = hidden * (1 - returned) ** 2
        above[band] = dimmed
    return above


def _sent(layer: Layer, cosine: float, row: NDArray[np.float32]) -> tuple[BandField, BandField]:
    """(Y, X) what a layer sends up into a band, and what it keeps from the layers below."""
    returned = layer.returned(cosine)
    bright = returned * layer.particles.white[:, None, None] * layer.gain
    return np.tensordot(row, bright, axes=1), returned[-1]
