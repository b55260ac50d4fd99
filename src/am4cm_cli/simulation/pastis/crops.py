"""The 18 crops of PASTIS and what lies between them.

Calendars are those of a lowland at 47.5 degrees north, in days since 1 January of the harvest
year: typical sowing, flowering and harvest as French farm advice gives them, typed by hand.
"""

from dataclasses import replace
from typing import NamedTuple

from am4cm_cli.datasets.pastis.layout import CLASSES
from am4cm_cli.simulation import crops, spectra
from am4cm_cli.simulation.crops import Calendar, Cover, Stand

_NEXT = ("stubble", "stubble", "catch crop", "winter cereal")
_WINTER = ("fallow", "nothing", "cereal", "cereal", "maize")
_SPRING = ("fallow", "nothing", "cereal", "catch crop", "ryegrass", "maize")
_EARLY = ("cereal", "cereal", "nothing")

PEAS_AND_OATS = (0.6 * spectra.CEREAL + 0.4 * spectra.LEGUME).astype(spectra.CEREAL.dtype)
PANICLES = (0.65 * spectra.MAIZE + 0.35 * spectra.WITHERED).astype(spectra.MAIZE.dtype)
"""Those of sorghum are red-brown and stand above its leaves."""
STONY = (("concrete", 0.35),)
"""Gravel about as bright as concrete; the rest is soil."""

# Calendars: emerge, regrow, full, fade, ripe, end, tillage.
SOFT_WHEAT = replace(
    crops.WINTER_WHEAT, calendar=Calendar(-55, 58, 120, 162, 190, 200, 240), peak_area=5.0
)
WINTER_BARLEY = replace(
    crops.WINTER_BARLEY, calendar=Calendar(-72, 50, 105, 143, 168, 178, 215), peak_area=4.8
)
SPRING_BARLEY = replace(
    crops.SPRING_BARLEY, calendar=Calendar(78, 86, 138, 166, 188, 198, 240), peak_area=4.2
)
RAPESEED = replace(
    crops.WINTER_RAPESEED,
    calendar=Calendar(-118, 52, 92, 152, 180, 190, 225),
    flower=(98, 124),
)
TRITICALE = replace(
    SOFT_WHEAT,
    calendar=Calendar(-58, 54, 116, 166, 196, 206, 245),
    winter_area=0.6,
    peak_area=5.6,
    litter=0.85,
)
DURUM_WHEAT = replace(
    SOFT_WHEAT,
    calendar=Calendar(-45, 52, 116, 158, 185, 194, 245),
    winter_area=0.35,
    peak_area=3.8,
    litter=0.6,
)
MIXED_CEREAL = replace(
    SOFT_WHEAT,
    calendar=Calendar(-56, 56, 118, 156, 186, 196, 238),
    spread=12.0,
    peak_area=4.4,
    green=PEAS_AND_OATS,
)
CORN = replace(crops.MAIZE, calendar=Calendar(128, 138, 190, 232, 274, 270, 300), spread=11.0)
SORGHUM = Stand(
    calendar=Calendar(142, 152, 206, 240, 268, 275, 305),
    spread=9.0,
    peak_area=3.6,
    green=spectra.MAIZE,
    dry=spectra.WITHERED,
    petals=PANICLES,
    flower=(208.0, 274.0),
    litter=0.4,
)
SUNFLOWER = replace(
    crops.SUNFLOWER, calendar=Calendar(120, 128, 175, 208, 238, 250, 280), flower=(180, 202)
)
SOYBEANS = Stand(
    calendar=Calendar(132, 144, 200, 240, 262, 272, 300),
    peak_area=4.6,
    green=spectra.LEGUME,
    dry=spectra.WITHERED,
    litter=0.4,
)
BEET = replace(crops.SUGAR_BEET, calendar=Calendar(100, 110, 165, 262, 345, 288, 315), spread=15.0)
POTATOES = replace(crops.POTATOES, calendar=Calendar(130, 136, 170, 208, 236, 250, 280))
VEGETABLES = Stand(
    calendar=Calendar(118, 126, 162, 210, 240, 228, 250),
    spread=26.0,
    peak_area=2.8,
    green=spectra.BROAD_LEAF,
    dry=spectra.WITHERED,
    litter=0.15,
)
VINES = replace(crops.VINES, calendar=Calendar(100, 106, 160, 268, 300, 312, 325))
FRUIT_TREES = replace(crops.FRUIT_TREES, calendar=Calendar(88, 96, 132, 280, 314, 324, 336))
SCRUB = replace(crops.CONIFERS, peak_area=2.2)


class Shares(NamedTuple):
    """Of the fields in each tile, relative to the other covers."""

    t30uxv: float
    t31tfj: float
    t31tfm: float
    t32ulu: float


def _arable(stand: Stand, before: tuple[str, ...] = _WINTER) -> Cover:
    return Cover(name="", share=0, stand=stand, before=before, after=_NEXT)


_CROPS: tuple[tuple[Cover, Shares], ...] = (
    (
        Cover(name="", share=0, yearly=True, grass=(2.2, 4.8), cuts=(0, 4)),
        Shares(34, 14, 36, 16),
    ),
    (_arable(SOFT_WHEAT), Shares(16, 4, 10, 11)),
    (_arable(CORN, _SPRING), Shares(13, 2, 9, 30)),
    (_arable(WINTER_BARLEY, _EARLY), Shares(4, 1.5, 4, 2)),
    (_arable(RAPESEED, _EARLY), Shares(4, 1, 4, 2)),
    (_arable(SPRING_BARLEY, _SPRING), Shares(3, 1, 2, 1.5)),
    (_arable(SUNFLOWER, _SPRING), Shares(0.5, 2.5, 3, 1.5)),
    (
        Cover(
            name="",
            share=0,
            stand=VINES,
            yearly=True,
            crown=(0.25, 0.6),
            grass=(0.0, 1.6),
            texture=0.09,
        ),
        Shares(0, 26, 5, 5),
    ),
    (_arable(BEET, _SPRING), Shares(3, 0, 1, 3.5)),
    (_arable(TRITICALE), Shares(1.5, 1, 3.5, 1)),
    (_arable(DURUM_WHEAT), Shares(0, 6, 0.5, 0)),
    (
        replace(_arable(VEGETABLES, _SPRING), crown=(0.5, 0.95), texture=0.09),
        Shares(2, 6, 1.5, 2),
    ),
    (_arable(POTATOES, _SPRING), Shares(2, 0.8, 0.5, 1.5)),
    (
        Cover(name="", share=0, yearly=True, grass=(2.6, 5.0), cuts=(2, 4), sward=spectra.LEGUME),
        Shares(1.5, 4, 4, 2),
    ),
    (_arable(SOYBEANS, _SPRING), Shares(0.3, 1, 3, 3)),
    (
        Cover(
            name="",
            share=0,
            stand=FRUIT_TREES,
            yearly=True,
            crown=(0.35, 0.75),
            grass=(0.4, 3.0),
            texture=0.1,
        ),
        Shares(1.5, 9, 1, 2),
    ),
    (_arable(MIXED_CEREAL), Shares(1.5, 0.5, 2, 0.8)),
    (_arable(SORGHUM, _SPRING), Shares(0, 1.5, 1.5, 0.8)),
)
"""In the order of PASTIS's classes, from 1."""

_OF_STACKS = {cover.name: cover for cover in crops.COVERS}

_BACKGROUND: tuple[tuple[Cover, Shares], ...] = (
    (_OF_STACKS["broadleaf forest"], Shares(7, 4, 14, 9)),
    (_OF_STACKS["conifer forest"], Shares(1.5, 4, 3, 5)),
    (
        Cover(
            name="scrub",
            share=0,
            stand=SCRUB,
            yearly=True,
            crown=(0.3, 0.8),
            grass=(0.3, 1.2),
            texture=0.15,
        ),
        Shares(1, 10, 2, 1),
    ),
    (_OF_STACKS["built"], Shares(8, 9, 7, 10)),
    (_OF_STACKS["water"], Shares(2, 3, 2.5, 2)),
    (
        Cover(
            name="greenhouses",
            share=0,
            yearly=True,
            grass=(0.1, 0.6),
            surfaces=(("glasshouse", 0.75), ("bright roof", 0.05), ("concrete", 0.1)),
            motley=True,
            texture=0.12,
        ),
        Shares(0.4, 1.2, 0.3, 0.5),
    ),
    (
        Cover(name="bare ground", share=0, surfaces=STONY, motley=True, texture=0.1),
        Shares(0.4, 1, 0.6, 0.6),
    ),
    (
        Cover(name="unused grass", share=0, yearly=True, grass=(1.2, 3.5), texture=0.12),
        Shares(3, 5, 3, 3),
    ),
)

_ALL = (*_CROPS, *_BACKGROUND)


def covers_of(tile: str) -> tuple[Cover, ...]:
    """What grows in a tile such as "t31tfj": the crops in the order of their classes, from 1.

    What comes after the last of PASTIS's classes is background.
    """
    names = (*CLASSES[1:], *(cover.name for cover, _ in _BACKGROUND))
    return tuple(
        replace(cover, name=name, share=getattr(shares, tile))
        for name, (cover, shares) in zip(names, _ALL, strict=True)
    )
