"""Every date of a simulated stack, one at a time."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from am4cm_cli.simulation.acquisitions import acquisition_times
from am4cm_cli.simulation.clouds import Layer
from am4cm_cli.simulation.config import LATITUDE, LONGITUDE, PIXEL, SimulationConfig
from am4cm_cli.simulation.ground import ground_reflectance
from am4cm_cli.simulation.instrument import blur, detect, haze_left_over
from am4cm_cli.simulation.landscape import Landscape, lay_out
from am4cm_cli.simulation.light import CLEAR, shade, sunlight, truth, veil
from am4cm_cli.simulation.sky import draw_sky, skies_of
from am4cm_cli.simulation.sun import Sun, sun_position
from am4cm_cli.simulation.weather import weather_of


@dataclass(frozen=True, kw_only=True)
class SimulatedScene:
    """One acquisition and the truth about its sky."""

    time: datetime
    """In UTC, without a zone."""
    sky: str
    """The kind of sky: "clear" or a name in SKIES."""
    reflectance: NDArray[np.float32]
    """(B, Y, X) in the order of LAND_BANDS; noise may take dark pixels below 0, clouds pass 1."""
    truth: NDArray[np.uint8]
    """(Y, X) 0 clear, 1 thick cloud, 2 thin cloud or haze, 3 cloud shadow; snow is clear."""


def simulate(config: SimulationConfig) -> tuple[Landscape, Iterator[SimulatedScene]]:
    """A place, and its scenes in time order; each scene is made when it is asked for."""
    landscape = lay_out(config)
    return landscape, _scenes(config, landscape)


def simulate_scenes(config: SimulationConfig) -> Iterator[SimulatedScene]:
    """The scenes alone."""
    return simulate(config)[1]


def _scenes(config: SimulationConfig, landscape: Landscape) -> Iterator[SimulatedScene]:
    times = acquisition_times(config)
    weather = weather_of(config)
    for index, (time, sky) in enumerate(zip(times, skies_of(config, times), strict=True)):
        today = weather[(time.date() - config.start).days]
        ground = ground_reflectance(landscape, config.crop_day(time), today)
        sun = sun_position(time, latitude=LATITUDE, longitude=LONGITUDE)
        layers = draw_sky(config.rng("sky", index), sky, config.size)
        seen, classes = under_sky(ground, layers, sun)
        rng = config.rng("instrument", index)
        reflectance = detect(blur(haze_left_over(seen, rng), rng), rng)
        yield SimulatedScene(time=time, sky=sky, reflectance=reflectance, truth=classes)


def under_sky(
    ground: NDArray[np.float32], layers: list[Layer], sun: Sun
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """The ground (B, Y, X) as seen from above the layers, and the truth (Y, X) about them."""
    shape = ground.shape[1:]
    if not layers:
        return ground, np.full(shape, CLEAR, np.uint8)
    light = sunlight(layers, sun, pixel=PIXEL)[: shape[0], : shape[1]]
    layers = [layer.in_view(shape, pixel=PIXEL) for layer in layers]
    seen = shade(ground, light)
    for layer in layers:
        seen = veil(seen, layer, sun.cosine)
    return seen, truth(layers, light, sun.cosine)
