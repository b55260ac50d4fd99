"""Skies of many kinds: from none to overcast, each a few layers of cloud."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import numpy as np
from scipy import ndimage

from am4cm_cli.simulation.clouds import CRYSTALS, DROPLETS, DUST, Layer
from am4cm_cli.simulation.config import SimulationConfig
from am4cm_cli.simulation.fractals import Field, fractal
from am4cm_cli.simulation.shares import deal

DIFFUSION = (0.8, 3.5)
"""Least and greatest reach in pixels of the light that wanders inside a water cloud and softens
its rim and its shadow (Marshak and others 1995 find a few hundred metres in wide sheets)."""

ICE_TOPS = 0.25
"""Share of overcast skies that reach up into the cold."""

GRAIN = 0.25
"""Deviation of how dark grains make a cloud in the short-wave infrared (see Particles.grown)."""

Rng = np.random.Generator
Shape = tuple[int, int]
Sky = Callable[[Rng, Shape], list[Layer]]

CANVAS = 384
"""Least side in pixels on which clouds are drawn, so that a small image holds parts of them."""


def skies_of(config: SimulationConfig, times: tuple[datetime, ...]) -> tuple[str, ...]:
    """The kind of sky of each date; "clear" for the share that the config leaves clear."""
    rng = config.rng("skies")
    cloudy = round(config.cloudiness * len(times))
    season = np.array([time.timetuple().tm_yday for time in times])
    chance = 1 + 0.35 * np.cos(2 * np.pi * (season - 5) / 365)
    dates = rng.choice(len(times), cloudy, replace=False, p=chance / chance.sum())
    skies = ["clear"] * len(times)
    kinds = deal(rng, [share for share, _ in SKIES.values()], cloudy)
    for date, kind in zip(dates, kinds, strict=True):
        skies[date] = list(SKIES)[kind]
    return tuple(skies)


def draw_sky(rng: Rng, kind: str, size: int) -> list[Layer]:
    """The layers of a sky, lowest first, each (size, size); none where it is clear."""
    if kind == "clear":
        return []
    side = max(size, CANVAS)
    return SKIES[kind][1](rng, (side, side))


def _overcast(rng: Rng, shape: Shape) -> list[Layer]:
    median = rng.lognormal(np.log(18), 0.6)
    lumps = 0.3 * fractal(rng, shape, slope=3.8) + 0.08 * fractal(rng, shape, slope=2.5)
    thickness = np.float32(median) * np.exp(lumps)
    sheet = _cloud(rng, thickness, height=rng.uniform(400, 5000))
    return [_frozen(rng, sheet) if rng.random() < ICE_TOPS else sheet]


def _broken(rng: Rng, shape: Shape) -> list[Layer]:
    cover = rng.uniform(0.35, 0.85)
    thickness = 20 * _above(rng, shape, cover, slope=4.2, outer=rng.uniform(60, 160)) ** 1.4
    return [_cloud(rng, thickness, height=rng.uniform(700, 2500))]


def _cumulus(rng: Rng, shape: Shape) -> list[Layer]:
    cover = rng.uniform(0.05, 0.35)
    thickness = 35 * _above(rng, shape, cover, slope=4.2, outer=rng.uniform(22, 70)) ** 1.25
    return [_cloud(rng, thickness, height=rng.uniform(700, 1800))]


def _soft(rng: Rng, shape: Shape) -> list[Layer]:
    """Mid-level clouds with wide, thin rims."""
    cover = rng.uniform(0.3, 0.9)
    thickness = 6 * _above(rng, shape, cover, slope=4.6, outer=rng.uniform(80, 250)) ** 1.6
    return [_cloud(rng, thickness, height=rng.uniform(2500, 5500))]


def _cirrus(rng: Rng, shape: Shape) -> list[Layer]:
    streaks = fractal(
        rng, shape, slope=4.3, outer=220, stretch=rng.uniform(2, 6), angle=rng.uniform(0, 180)
    )
    thickness = rng.lognormal(np.log(0.9), 0.5) * np.exp(0.6 * streaks)
    height = rng.uniform(7000, 10500)
    return [Layer(thickness=thickness.astype(np.float32), height=height, particles=CRYSTALS)]


def _haze(rng: Rng, shape: Shape) -> list[Layer]:
    thickness = rng.uniform(0.35, 1.1) * np.exp(0.12 * fractal(rng, shape, slope=4, outer=500))
    return [Layer(thickness=thickness.astype(np.float32), height=0.0, particles=DUST)]


def _fog(rng: Rng, shape: Shape) -> list[Layer]:
    banks = fractal(rng, shape, slope=4, outer=200)
    thickness = rng.lognormal(np.log(2.2), 0.6) * np.exp(rng.uniform(0.15, 0.7) * banks)
    return [Layer(thickness=thickness.astype(np.float32), height=50.0, particles=DROPLETS)]


def _mixed(rng: Rng, shape: Shape) -> list[Layer]:
    low = _cumulus if rng.random() < 0.6 else _broken
    return low(rng, shape) + (_cirrus if rng.random() < 0.6 else _soft)(rng, shape)


SKIES: dict[str, tuple[float, Sky]] = {
    "overcast": (0.31, _overcast),
    "broken": (0.13, _broken),
    "cumulus": (0.15, _cumulus),
    "soft": (0.12, _soft),
    "cirrus": (0.09, _cirrus),
    "haze": (0.07, _haze),
    "fog": (0.05, _fog),
    "mixed": (0.08, _mixed),
}
"""Share of the cloudy dates, and how to draw one."""


def _above(rng: Rng, shape: Shape, cover: float, *, slope: float, outer: float) -> Field:
    """A field that exceeds 0 over a share `cover` of the canvas."""
    field = fractal(rng, shape, slope=slope, outer=outer)
    above: Field = np.maximum(field - np.quantile(field, 1 - cover), 0)
    return above


def _cloud(rng: Rng, thickness: Field, *, height: float) -> Layer:
    """A water cloud; lumps and slanting light make it brighter or darker than a flat sheet."""
    gain = rng.lognormal(-0.03, 0.27) * np.exp(0.09 * fractal(rng, thickness.shape, slope=3))
    spread = ndimage.gaussian_filter(thickness, rng.uniform(*DIFFUSION), mode="wrap")
    soft = 0.5 * (thickness + spread)
    return Layer(
        thickness=soft.astype(np.float32),
        height=height,
        particles=DROPLETS.grown(rng.normal(0, GRAIN)),
        gain=gain.astype(np.float32),
        side_loss=3.0,
    )


def _frozen(rng: Rng, sheet: Layer) -> Layer:
    """The same sheet as rain or snow cloud with a high top of ice."""
    particles = CRYSTALS.grown(rng.normal(0.45, 1.5 * GRAIN))
    return replace(sheet, height=rng.uniform(4500, 9500), particles=particles)
