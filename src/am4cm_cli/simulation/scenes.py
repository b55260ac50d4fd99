"""Every date of a simulated stack, one at a time."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from am4cm_cli.sensors import LAND_BANDS
from am4cm_cli.simulation.acquisitions import acquisition_times
from am4cm_cli.simulation.atmosphere import ALL_BANDS, draw_air, top_of_atmosphere
from am4cm_cli.simulation.clouds import DUST, Layer
from am4cm_cli.simulation.config import PIXEL, SimulationConfig
from am4cm_cli.simulation.ground import ground_reflectance
from am4cm_cli.simulation.instrument import blur, detect, haze_left_over
from am4cm_cli.simulation.landscape import Landscape, lay_out
from am4cm_cli.simulation.light import CLEAR, shade, sunlight, truth, veil
from am4cm_cli.simulation.processors import SEN2COR, Processor
from am4cm_cli.simulation.sky import draw_sky, skies_of
from am4cm_cli.simulation.spectra import SATELLITES
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
    """(B, Y, X) in the order of `bands`; noise may take dark pixels below 0, clouds pass 1."""
    truth: NDArray[np.uint8]
    """(Y, X) 0 clear, 1 thick cloud, 2 thin cloud or haze, 3 cloud shadow; snow is clear."""
    satellite: str = "A"
    """Sentinel-2 "A" or "B"."""
    bands: tuple[str, ...] = LAND_BANDS
    """At level L1C all thirteen."""


LAND_ROWS = [ALL_BANDS.index(band) for band in LAND_BANDS]


def simulate(
    config: SimulationConfig, *, processor: Processor = SEN2COR
) -> tuple[Landscape, Iterator[SimulatedScene]]:
    """A place, and its scenes in time order; each scene is made when it is asked for."""
    landscape = lay_out(config)
    return landscape, _scenes(config, landscape, processor)


def simulate_scenes(
    config: SimulationConfig, *, processor: Processor = SEN2COR
) -> Iterator[SimulatedScene]:
    """The scenes alone."""
    return simulate(config, processor=processor)[1]


def satellite_of(time: datetime) -> str:
    """Sentinel-2 "A" or "B": they follow one another on an orbit every five days."""
    return "AB"[time.toordinal() // 5 % 2]


def _scenes(
    config: SimulationConfig, landscape: Landscape, processor: Processor
) -> Iterator[SimulatedScene]:
    times = acquisition_times(config)
    weather = weather_of(config)
    for index, (time, sky) in enumerate(zip(times, skies_of(config, times), strict=True)):
        today = weather[(time.date() - config.start).days]
        ground = ground_reflectance(landscape, config.crop_day(time), today)
        layers = draw_sky(config.rng("sky", index), sky, config.size)
        yield acquire(config, index, time, sky, ground, layers, processor)


def acquire(
    config: SimulationConfig,
    index: int,
    time: datetime,
    sky: str,
    ground: NDArray[np.float32],
    layers: list[Layer],
    processor: Processor,
) -> SimulatedScene:
    """What the satellite makes of the ground (B, Y, X) under layers of cloud.

    Args:
        config: Of the place; decides about the day's air and the instrument's noise.
        index: Of the scene in its series.
        time: In UTC.
        sky: Its kind.
        ground: Reflectance.
        layers: Lowest first, at least as large as the ground.
        processor: The chain that makes the product.
    """
    sun = sun_position(time, latitude=config.latitude, longitude=config.longitude)
    layers = [_corrected(layer, processor) for layer in layers]
    seen, classes = under_sky(ground, layers, sun)
    satellite = satellite_of(time)
    if processor.level == "L1C":
        air = draw_air(config.rng("air", index), time.timetuple().tm_yday)
        in_view = [layer.in_view(seen.shape[1:], pixel=PIXEL) for layer in layers]
        seen = top_of_atmosphere(seen, in_view, sun, air, satellite=satellite)
    elif satellite == "B":
        seen = np.tensordot(SATELLITES["B"][LAND_ROWS], seen, axes=1)
    bands = ALL_BANDS if processor.level == "L1C" else LAND_BANDS
    rng = config.rng("instrument", index)
    left = haze_left_over(seen, rng, processor=processor, bands=bands)
    reflectance = detect(blur(left, rng), rng, bands=bands)
    return SimulatedScene(
        time=time,
        sky=sky,
        reflectance=reflectance,
        truth=classes,
        satellite=satellite,
        bands=bands,
    )


def _corrected(layer: Layer, processor: Processor) -> Layer:
    """What the chain leaves of a layer: it may take some of a haze for aerosol."""
    if layer.particles is not DUST or processor.veiled == 1:
        return layer
    return replace(layer, thickness=layer.thickness * np.float32(processor.veiled))


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
