"""Reflectance of the ground on a day, before the sky comes between."""

import numpy as np

from am4cm_cli.simulation import spectra
from am4cm_cli.simulation.fractals import Field
from am4cm_cli.simulation.growth import PerField
from am4cm_cli.simulation.landscape import Landscape
from am4cm_cli.simulation.rotation import Canopies
from am4cm_cli.simulation.spectra import Reflectance, Spectrum
from am4cm_cli.simulation.surfaces import FERTILE, SURFACES, WATER
from am4cm_cli.simulation.weather import Weather

SNOW_IN_FOREST, SNOW_IN_FIELDS = 0.3, 0.9
"""Greatest share of snow in view: trees hide it, and stubble and grass show through."""

PATCHY = 0.5
"""How much earlier than its field a patch ripens, relative to what is left to ripen."""


def ground_reflectance(landscape: Landscape, day: int, weather: Weather) -> Reflectance:
    """(B, Y, X) on a day since 1 January of the harvest year."""
    canopies = landscape.rotation.on(day)
    ground = _soil(landscape, weather.wetness, canopies.plants.litter)
    ground = _with_grass(ground, landscape, weather.season)
    ground = _with_stand(ground, landscape, canopies)
    ground *= landscape.tone
    return _with_snow(ground, landscape, weather.snow) if weather.snow > 0 else ground


def canopy(below: Reflectance, dense: Reflectance, area: Field) -> Reflectance:
    """What leaves of an area (Y, X) in m2 per m2 make of the reflectance below them."""
    gap = np.exp(-spectra.EXTINCTION[:, None, None] * area)
    covered: Reflectance = dense + (below - dense) * gap
    return covered


def _over(landscape: Landscape, colour: Spectrum) -> Reflectance:
    """(B, Y, X) from the colour (F, B) of each field."""
    return np.ascontiguousarray(colour.T)[:, landscape.fields]


def _soil(landscape: Landscape, wetness: float, litter: PerField) -> Reflectance:
    soil = landscape.dry_soil + np.float32(wetness) * (landscape.wet_soil - landscape.dry_soil)
    straw = spectra.STRAW * np.float32(1 - 0.25 * wetness)
    ground = _over(landscape, soil + litter[:, None] * (straw - soil))
    for number, spectrum in enumerate(SURFACES.values(), start=1):
        ground[:, landscape.surface == number] = spectrum[:, None]
    return ground


def _with_grass(ground: Reflectance, landscape: Landscape, season: float) -> Reflectance:
    area = landscape.grass.area(season)[landscape.fields] * landscape.vigour
    area[~np.isin(landscape.surface, FERTILE)] = 0
    return canopy(ground, _over(landscape, landscape.grass.colour(season)), area)


def _with_stand(ground: Reflectance, landscape: Landscape, canopies: Canopies) -> Reflectance:
    fields, plants = landscape.fields, canopies.plants
    # Fields ripen unevenly, most so halfway.
    ripeness = plants.ripeness[fields]
    ripeness = np.clip(ripeness + PATCHY * landscape.patch * ripeness * (1 - ripeness), 0, 1)
    young, ripe = _over(landscape, canopies.young), _over(landscape, canopies.ripe)
    dense = young + ripeness * (ripe - young)
    closed = canopy(ground, dense, plants.area[fields] * landscape.vigour)
    covered: Reflectance = ground + landscape.crown[fields] * (closed - ground)
    return covered


def _with_snow(ground: Reflectance, landscape: Landscape, depth: float) -> Reflectance:
    """Snow in patches, none of it on water."""
    cover = np.clip(np.float32(0.8 * depth) + 0.25 * landscape.patch, 0, 1)
    forest = landscape.forest[landscape.fields]
    cover *= np.where(forest, np.float32(SNOW_IN_FOREST), np.float32(SNOW_IN_FIELDS))
    cover[np.isin(landscape.surface, WATER)] = 0
    snowy: Reflectance = ground + cover * (spectra.SNOW[:, None, None] - ground)
    return snowy
