"""What lies on the ground: soil, or roads, roofs, water and forest floor."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from am4cm_cli.simulation import spectra
from am4cm_cli.simulation.crops import ROAD, Cover
from am4cm_cli.simulation.parcels import Parcels
from am4cm_cli.simulation.spectra import Spectrum

SURFACES: dict[str, Spectrum] = {
    "asphalt": spectra.ASPHALT,
    "tiles": spectra.TILES,
    "concrete": spectra.CONCRETE,
    "bright roof": spectra.BRIGHT_ROOF,
    "glasshouse": spectra.GLASSHOUSE,
    "forest floor": spectra.FOREST_FLOOR,
    "clear water": spectra.CLEAR_WATER,
    "turbid water": spectra.TURBID_WATER,
}
"""Numbered from 1 in this order; 0 is soil."""

NUMBER = {name: number for number, name in enumerate(SURFACES, start=1)}

FERTILE = (0, NUMBER["forest floor"])
"""Where grass grows."""

WATER = (NUMBER["clear water"], NUMBER["turbid water"])

ROOF = 2
"""Side in pixels of a patch of one surface in a village."""


def lay_surfaces(
    rng: np.random.Generator,
    parcels: Parcels,
    numbers: NDArray[np.uint8],
    kinds: Sequence[Cover],
) -> NDArray[np.uint8]:
    """(Y, X) number of the surface.

    Args:
        rng: Chooses among the surfaces of a cover.
        parcels: F - 1 fields and the lanes.
        numbers: (F,) cover of each, 0 for lanes, 1 for the first of the kinds.
        kinds: Of cover.
    """
    cover_map = numbers[parcels.fields]
    roofs = _patches(rng, cover_map.shape)
    whole = rng.random(len(numbers), dtype=np.float32)[parcels.fields]
    surface = np.zeros(cover_map.shape, np.uint8)
    for number, cover in enumerate([ROAD, *kinds]):
        if cover.surfaces:
            inside = cover_map == number
            surface[inside] = _choose(cover, (roofs if cover.motley else whole)[inside])
    return surface


def _choose(cover: Cover, chance: NDArray[np.float32]) -> NDArray[np.uint8]:
    """(P,) surfaces in the cover's shares; soil where the shares end below 1."""
    edges = np.cumsum([share for _, share in cover.surfaces])
    numbers = [NUMBER[name] for name, _ in cover.surfaces]
    chosen = np.array([*numbers, 0], np.uint8)[np.searchsorted(edges, chance, side="right")]
    return chosen.astype(np.uint8)


def _patches(rng: np.random.Generator, shape: Sequence[int]) -> NDArray[np.float32]:
    """(Y, X) uniform between 0 and 1, the same within each patch."""
    height, width = shape
    coarse = rng.random((height // ROOF + 1, width // ROOF + 1), dtype=np.float32)
    return coarse.repeat(ROOF, axis=0).repeat(ROOF, axis=1)[:height, :width]


def draw_soils(rng: np.random.Generator, count: int) -> tuple[Spectrum, Spectrum]:
    """(F, B) wet and dry soil of each field, from dark loam to pale silt."""
    pale = rng.beta(1.4, 2.6, (count, 1))
    red = rng.normal(-0.08, 0.12, (count, 1))
    hue = (spectra.WAVELENGTH / 842) ** red
    dry = (spectra.DRY_SOIL + pale * (spectra.PALE_SOIL - spectra.DRY_SOIL)) * hue
    wet = spectra.WET_SOIL * (0.9 + 0.6 * pale) * hue
    return wet.astype(np.float32), dry.astype(np.float32)
