"""One patch: its land cut out of a wider one, its dates, and the truth about both."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from am4cm_cli.datasets.pastis.layout import CLASSES, VOID
from am4cm_cli.sensors import LAND_BANDS
from am4cm_cli.simulation.config import SimulationConfig
from am4cm_cli.simulation.crops import Cover
from am4cm_cli.simulation.ground import ground_reflectance
from am4cm_cli.simulation.landscape import Landscape, lay_out
from am4cm_cli.simulation.pastis.calendars import Pass, passes_of, seen_from, sky_over
from am4cm_cli.simulation.pastis.config import PastisConfig
from am4cm_cli.simulation.pastis.crops import covers_of
from am4cm_cli.simulation.pastis.sites import Site
from am4cm_cli.simulation.processors import THEIA
from am4cm_cli.simulation.scenes import SimulatedScene, acquire
from am4cm_cli.simulation.sky import draw_sky

MARGIN = 64
"""Pixels of land around a patch that are drawn and cut off: parcels go on beyond its edge."""

LOCAL = 3.5
"""Deviation in days of a patch's season from its tile's: height, slope, soil."""

FARMING = 1.1
"""How unlike its tile a patch is in what grows there: shape of the gamma distribution of each
cover's share. The smaller, the more unlike."""

FIELD = (20.0, 0.25)
"""Median width in pixels of a patch's fields, and its log-deviation between patches: PASTIS has 51
parcels in a patch."""

LOWEST, HIGHEST = -9_999, 32_767
"""Numbers stored; THEIA's -10000 says that there is none."""


@dataclass(frozen=True, kw_only=True)
class Annotation:
    """What PASTIS tells of a patch's ground."""

    classes: NDArray[np.uint8]
    """(Y, X) 0 background, 1 to 18, VOID."""
    parcels: NDArray[np.int32]
    """(Y, X) numbers of parcels, void ones too; 0 is background."""


@dataclass(frozen=True, kw_only=True)
class SimulatedPatch:
    """All that is stored of a patch."""

    passes: tuple[Pass, ...]
    images: NDArray[np.int16]
    """(T, B, Y, X) reflectance x 10000; bright clouds pass 10000."""
    clouds: NDArray[np.uint8]
    """(T, Y, X) 0 clear, 1 thick cloud, 2 thin cloud or haze, 3 cloud shadow."""
    annotation: Annotation


def simulate_patch(config: PastisConfig, site: Site) -> SimulatedPatch:
    """Simulate all dates of a patch."""
    place = config.place(site.tile, site.number)
    wide = draw_land(place, site.tile.name)
    land = cut(wide, margin=MARGIN)
    rng = place.rng("patch")
    passes = seen_from(rng, passes_of(config, site.tile))
    later = round(site.tile.later + float(rng.normal(0, LOCAL)))
    images = np.empty((len(passes), len(LAND_BANDS), *land.fields.shape), np.int16)
    clouds = np.empty((len(passes), *land.fields.shape), np.uint8)
    for index, one in enumerate(passes):
        scene = _scene(place, land, index, one, later=later)
        images[index] = digital_numbers(scene.reflectance)
        clouds[index] = scene.truth
    return SimulatedPatch(
        passes=passes,
        images=images,
        clouds=clouds,
        annotation=annotate(wide.fields, wide.covers, number=site.number, margin=MARGIN),
    )


def draw_land(place: SimulationConfig, tile: str) -> Landscape:
    """A patch with MARGIN pixels all around."""
    rng = place.rng("land")
    covers = _farmed(rng, covers_of(tile))
    strip = FIELD[0] * float(rng.lognormal(0, FIELD[1]))
    return lay_out(replace(place, size=place.size + 2 * MARGIN), covers, strip=strip)


def _farmed(rng: np.random.Generator, covers: Sequence[Cover]) -> tuple[Cover, ...]:
    luck = rng.gamma(FARMING, 1 / FARMING, len(covers))
    return tuple(
        replace(cover, share=cover.share * float(times))
        for cover, times in zip(covers, luck, strict=True)
    )


def _scene(
    place: SimulationConfig, land: Landscape, index: int, one: Pass, *, later: int
) -> SimulatedScene:
    sky = sky_over(place.rng("sky over", index), one)
    ground = ground_reflectance(land, place.crop_day(one.time) - later, one.weather)
    layers = draw_sky(place.rng("sky", index), sky, place.size)
    return acquire(place, index, one.time, sky, ground, layers, THEIA)


def cut(wide: Landscape, *, margin: int) -> Landscape:
    """The land without a margin of pixels all around; its fields keep their numbers."""
    inside = (slice(margin, -margin), slice(margin, -margin))
    return replace(
        wide,
        fields=wide.fields[inside],
        labels=wide.labels[inside],
        surface=wide.surface[inside],
        vigour=wide.vigour[inside],
        tone=wide.tone[inside],
        patch=wide.patch[inside],
    )


def annotate(
    fields: NDArray[np.int32], covers: NDArray[np.uint8], *, number: int, margin: int
) -> Annotation:
    """Classes and parcels of a patch, told from the land around it as well.

    Args:
        fields: (Y, X) of the patch with its margin.
        covers: (F,) of each field, in the order of PASTIS's classes; the rest is background.
        number: Of the patch; its parcels are counted from 10,000 times that.
        margin: In pixels.
    """
    inner = fields[margin:-margin, margin:-margin]
    crop = np.where(covers < len(CLASSES), covers, 0).astype(np.uint8)
    whole = np.bincount(fields.ravel(), minlength=len(crop))
    inside = np.bincount(inner.ravel(), minlength=len(crop))
    codes = np.where((crop > 0) & (2 * inside < whole), np.uint8(VOID), crop)
    names = np.where(crop > 0, 10_000 * number + np.arange(len(crop)), 0).astype(np.int32)
    return Annotation(classes=codes[inner], parcels=names[inner])


def digital_numbers(reflectance: NDArray[np.float32]) -> NDArray[np.int16]:
    """Reflectance x 10,000 as THEIA stores it; dark pixels may be below 0."""
    return np.clip(np.rint(reflectance * 10_000), LOWEST, HIGHEST).astype(np.int16)
