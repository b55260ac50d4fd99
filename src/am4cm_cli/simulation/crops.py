"""What grows where: land-cover classes, their calendars and their neighbours in the rotation.

Calendars are those of north-western Europe, in days since 1 January of the harvest year.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

from am4cm_cli.simulation import spectra
from am4cm_cli.simulation.spectra import Spectrum


class Calendar(NamedTuple):
    """Days of a stand's stages."""

    emerge: float
    regrow: float
    """When it grows on from the leaf area it held through winter."""
    full: float
    fade: float
    """When its leaves begin to yellow."""
    ripe: float
    end: float
    """Harvest, or leaf fall: the plants are gone the next day."""
    tillage: float
    """When what the harvest left is ploughed under."""


@dataclass(frozen=True, kw_only=True)
class Stand:
    """One growth of plants, from emergence to harvest; leaf areas in m2 per m2."""

    calendar: Calendar
    spread: float = 7.0
    """Deviation in days between fields."""
    winter_area: float = 0.0
    peak_area: float
    green: Spectrum
    dry: Spectrum
    petals: Spectrum | None = None
    flower: tuple[float, float] = (0.0, 0.0)
    """First and last day; equal where it does not flower."""
    litter: float = 0.3
    """Share of the ground under straw or leaves after the end."""


# Calendars: emerge, regrow, full, fade, ripe, end, tillage.
WINTER_WHEAT = Stand(
    calendar=Calendar(-50, 65, 128, 172, 200, 212, 247),
    winter_area=0.45,
    peak_area=5.0,
    green=spectra.CEREAL,
    dry=spectra.RIPE,
    litter=0.75,
)
WINTER_BARLEY = Stand(
    calendar=Calendar(-75, 58, 112, 150, 176, 188, 225),
    winter_area=0.8,
    peak_area=4.8,
    green=spectra.CEREAL,
    dry=spectra.RIPE,
    litter=0.75,
)
SPRING_BARLEY = Stand(
    calendar=Calendar(82, 90, 145, 174, 196, 208, 245),
    peak_area=4.2,
    green=spectra.CEREAL,
    dry=spectra.RIPE,
    litter=0.7,
)
WINTER_RAPESEED = Stand(
    calendar=Calendar(-115, 58, 98, 160, 188, 200, 238),
    winter_area=1.6,
    peak_area=4.5,
    green=spectra.RAPESEED,
    dry=spectra.RIPE,
    petals=spectra.RAPE_FLOWER,
    flower=(106, 132),
    litter=0.55,
)
MAIZE = Stand(
    calendar=Calendar(137, 145, 195, 240, 285, 272, 302),
    spread=9,
    peak_area=4.2,
    green=spectra.MAIZE,
    dry=spectra.WITHERED,
)
SUGAR_BEET = Stand(
    calendar=Calendar(112, 120, 170, 265, 345, 295, 320),
    spread=12,
    peak_area=4.8,
    green=spectra.BROAD_LEAF,
    dry=spectra.WITHERED,
    litter=0.15,
)
POTATOES = Stand(
    calendar=Calendar(138, 144, 178, 215, 242, 258, 288),
    spread=9,
    peak_area=4.4,
    green=spectra.BROAD_LEAF,
    dry=spectra.WITHERED,
    litter=0.12,
)
SUNFLOWER = Stand(
    calendar=Calendar(127, 135, 182, 215, 245, 258, 288),
    peak_area=3.6,
    green=spectra.BROAD_LEAF,
    dry=spectra.WITHERED,
    petals=spectra.SUN_FLOWER,
    flower=(188, 208),
    litter=0.35,
)
VINES = Stand(
    calendar=Calendar(112, 118, 170, 268, 308, 318, 330),
    peak_area=2.8,
    green=spectra.VINE,
    dry=spectra.WITHERED,
    litter=0.1,
)
FRUIT_TREES = Stand(
    calendar=Calendar(98, 104, 140, 285, 318, 328, 340),
    peak_area=3.4,
    green=spectra.BROAD_WOOD,
    dry=spectra.WITHERED,
    litter=0.1,
)
BROAD_TREES = Stand(
    calendar=Calendar(104, 108, 138, 278, 312, 320, 340),
    spread=5,
    peak_area=6.0,
    green=spectra.BROAD_WOOD,
    dry=spectra.WITHERED,
)
CONIFERS = Stand(
    calendar=Calendar(-900, -850, -800, 900, 950, 999, 999),
    spread=0,
    peak_area=5.5,
    green=spectra.CONIFER,
    dry=spectra.RIPE,
)
BARE = Stand(
    calendar=Calendar(0, 0, 0, 0, 0, 0, 0),
    spread=0,
    peak_area=0,
    green=spectra.GRASS,
    dry=spectra.RIPE,
)
"""No stand at all."""

BEFORE: dict[str, Stand] = {
    "nothing": BARE,
    "fallow": Stand(
        calendar=Calendar(-90, 40, 85, 200, 240, 60, -60),
        spread=15,
        winter_area=0.15,
        peak_area=0.5,
        green=spectra.GRASS,
        dry=spectra.RIPE,
    ),
    "catch crop": Stand(
        calendar=Calendar(-125, -115, -70, -10, 45, 60, 70),
        spread=12,
        peak_area=2.8,
        green=spectra.RAPESEED,
        dry=spectra.WITHERED,
        litter=0.2,
    ),
    "ryegrass": Stand(
        calendar=Calendar(-85, 65, 110, 300, 330, 120, 128),
        spread=10,
        winter_area=1.0,
        peak_area=3.8,
        green=spectra.GRASS,
        dry=spectra.RIPE,
        litter=0.15,
    ),
    "cereal": Stand(
        calendar=Calendar(-420, -310, -245, -200, -172, -165, -80),
        spread=12,
        peak_area=4.5,
        green=spectra.CEREAL,
        dry=spectra.RIPE,
        litter=0.7,
    ),
    "maize": Stand(
        calendar=Calendar(-237, -228, -172, -125, -88, -92, -62),
        spread=10,
        peak_area=4.0,
        green=spectra.MAIZE,
        dry=spectra.WITHERED,
    ),
}
"""What stands before a crop; it is cleared at the latest two weeks before the crop emerges."""

AFTER: dict[str, Stand] = {
    "nothing": BARE,
    "stubble": Stand(
        calendar=Calendar(14, 20, 60, 90, 130, 400, 400),
        spread=15,
        peak_area=0.6,
        green=spectra.GRASS,
        dry=spectra.RIPE,
    ),
    "catch crop": Stand(
        calendar=Calendar(30, 36, 80, 130, 180, 400, 400),
        spread=10,
        peak_area=3.0,
        green=spectra.RAPESEED,
        dry=spectra.WITHERED,
    ),
    "winter cereal": Stand(
        calendar=Calendar(45, 400, 450, 500, 550, 600, 600),
        spread=8,
        winter_area=0.7,
        peak_area=5.0,
        green=spectra.CEREAL,
        dry=spectra.RIPE,
    ),
}
"""What follows a crop, the smaller the later; days count from the harvest."""


@dataclass(frozen=True, kw_only=True)
class Cover:
    """A land-cover class."""

    name: str
    share: float
    """Of the fields, relative to the other classes."""
    stand: Stand = BARE
    before: tuple[str, ...] = ("nothing",)
    """Names in BEFORE, equally likely."""
    after: tuple[str, ...] = ("nothing",)
    """Names in AFTER, equally likely."""
    yearly: bool = False
    """Perennial: the same plants come back each year."""
    crown: tuple[float, float] = (0.97, 1.0)
    """Least and greatest share of the ground that the stand covers at its peak: rows, crowns."""
    grass: tuple[float, float] = (0.0, 0.0)
    """Least and greatest leaf area in May of the grass below or between."""
    cuts: tuple[int, int] = (0, 0)
    """Least and greatest number of cuts a year of that grass."""
    sward: Spectrum = field(default_factory=lambda: spectra.GRASS)
    """What is mown: grass, or clover and lucerne."""
    surfaces: tuple[tuple[str, float], ...] = ()
    """Names in surfaces.SURFACES with their shares; the rest is soil."""
    motley: bool = False
    """Several surfaces in one field, as roofs and streets in a village."""
    texture: float = 0.06
    """Deviation of the brightness between pixels of a field."""


ROAD = Cover(
    name="lane",
    share=0,
    grass=(0.6, 2.0),
    surfaces=(("asphalt", 0.45),),
    motley=True,
    texture=0.12,
)
"""Between the blocks of fields; carries no label."""

_NEXT = ("stubble", "catch crop", "winter cereal")
_WINTER = ("fallow", "nothing")
_SPRING = ("fallow", "nothing", "catch crop", "ryegrass")

COVERS = (
    Cover(name="meadow", share=20, yearly=True, grass=(2.6, 5.0), cuts=(0, 4)),
    Cover(name="winter wheat", share=14, stand=WINTER_WHEAT, before=_WINTER, after=_NEXT),
    Cover(name="winter barley", share=7, stand=WINTER_BARLEY, before=_WINTER, after=_NEXT),
    Cover(name="winter rapeseed", share=6, stand=WINTER_RAPESEED, before=_WINTER, after=_NEXT),
    Cover(name="spring barley", share=5, stand=SPRING_BARLEY, before=_SPRING, after=_NEXT),
    Cover(name="maize", share=15, stand=MAIZE, before=_SPRING, after=_NEXT),
    Cover(name="sugar beet", share=7, stand=SUGAR_BEET, before=_SPRING, after=_NEXT),
    Cover(name="potatoes", share=8, stand=POTATOES, before=_SPRING, after=_NEXT),
    Cover(name="sunflower", share=4, stand=SUNFLOWER, before=_SPRING, after=_NEXT),
    Cover(
        name="vineyard",
        share=3,
        stand=VINES,
        yearly=True,
        crown=(0.3, 0.6),
        grass=(0.0, 1.6),
        texture=0.09,
    ),
    Cover(
        name="orchard",
        share=4,
        stand=FRUIT_TREES,
        yearly=True,
        crown=(0.4, 0.75),
        grass=(1.2, 3.0),
        texture=0.1,
    ),
    Cover(
        name="broadleaf forest",
        share=6,
        stand=BROAD_TREES,
        yearly=True,
        crown=(0.85, 1.0),
        grass=(0.1, 0.7),
        surfaces=(("forest floor", 1.0),),
        texture=0.13,
    ),
    Cover(
        name="conifer forest",
        share=4,
        stand=CONIFERS,
        yearly=True,
        crown=(0.8, 1.0),
        grass=(0.2, 0.8),
        surfaces=(("forest floor", 1.0),),
        texture=0.15,
    ),
    Cover(
        name="water",
        share=4,
        surfaces=(("clear water", 0.6), ("turbid water", 0.4)),
        texture=0.05,
    ),
    Cover(
        name="built",
        share=8,
        yearly=True,
        grass=(0.3, 1.8),
        surfaces=(
            ("asphalt", 0.3),
            ("tiles", 0.34),
            ("concrete", 0.11),
            ("bright roof", 0.03),
            ("glasshouse", 0.04),
        ),
        motley=True,
        texture=0.15,
    ),
)
"""Classes in the order of their labels, from 1."""
