"""A place: its fields, what grows on them this year, its soils and its fine texture."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from am4cm_cli.simulation.config import SimulationConfig
from am4cm_cli.simulation.crops import COVERS, ROAD, Cover
from am4cm_cli.simulation.fractals import Field, fractal
from am4cm_cli.simulation.grass import Grassland, sow_grass
from am4cm_cli.simulation.growth import PerField
from am4cm_cli.simulation.parcels import STRIP, Parcels, cut_parcels
from am4cm_cli.simulation.rotation import Rotation, rotate
from am4cm_cli.simulation.shares import deal
from am4cm_cli.simulation.spectra import Spectrum
from am4cm_cli.simulation.surfaces import draw_soils, lay_surfaces


@dataclass(frozen=True, kw_only=True)
class Landscape:
    """F counts the fields and, as number 0, the lanes between them."""

    fields: NDArray[np.int32]
    """(Y, X), 0 is a lane."""
    labels: NDArray[np.uint8]
    """(Y, X), 1 for the first of the covers; 0 on lanes and borders, which mix classes."""
    covers: NDArray[np.uint8]
    """(F,), as labels."""
    forest: NDArray[np.bool_]
    """(F,)"""
    rotation: Rotation
    crown: PerField
    """Share of the ground that the stand covers at its peak."""
    grass: Grassland
    wet_soil: Spectrum
    """(F, B), as is the next."""
    dry_soil: Spectrum
    surface: NDArray[np.uint8]
    """(Y, X), 0 is soil, else a number of SURFACES."""
    vigour: Field
    """Leaf area relative to the field's."""
    tone: Field
    """Brightness relative to the spectrum."""
    patch: Field
    """Standard normal; where snow stays and crops ripen early."""


def lay_out(
    config: SimulationConfig, kinds: Sequence[Cover] = COVERS, *, strip: float = STRIP[0]
) -> Landscape:
    """Draw a place and a year of its fields.

    Args:
        config: Of the place.
        kinds: Of cover, in the order of their labels, from 1.
        strip: Median width of the fields in pixels.
    """
    rng = config.rng("landscape")
    shape = (config.size, config.size)
    parcels = cut_parcels(rng, shape, strip=strip)
    chosen = deal(rng, [cover.share for cover in kinds], parcels.count)
    covers = [ROAD, *(kinds[index] for index in chosen)]
    numbers = np.concatenate([[0], chosen + 1]).astype(np.uint8)
    low, high = np.array([cover.crown for cover in covers]).T
    wet, dry = draw_soils(rng, len(covers))
    return Landscape(
        fields=parcels.fields,
        labels=np.where(parcels.inner, numbers[parcels.fields], 0).astype(np.uint8),
        covers=numbers,
        forest=np.array(["forest" in cover.name for cover in covers]),
        rotation=rotate(rng, covers),
        crown=rng.uniform(low, high).astype(np.float32),
        grass=sow_grass(rng, covers),
        wet_soil=wet,
        dry_soil=dry,
        surface=lay_surfaces(rng, parcels, numbers, kinds),
        vigour=np.exp(np.float32(0.14) * fractal(rng, shape, slope=2.6)),
        tone=_tone(rng, parcels, covers),
        patch=fractal(rng, shape, slope=2.4),
    )


def _tone(rng: np.random.Generator, parcels: Parcels, covers: Sequence[Cover]) -> Field:
    """(Y, X) texture, as deep as the cover's, coarse and fine."""
    shape = (parcels.fields.shape[0], parcels.fields.shape[1])
    depth = np.array([cover.texture for cover in covers], np.float32)[parcels.fields]
    grain = 0.6 * fractal(rng, shape, slope=2.6) + 0.8 * fractal(rng, shape, slope=0.8)
    tone: Field = np.exp(depth * grain).astype(np.float32)
    return tone
