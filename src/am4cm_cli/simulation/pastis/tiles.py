"""The four tiles of PASTIS: where they lie, and what their weather and their skies are like."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Tile:
    """A Sentinel-2 tile, 109.8 km on a side."""

    name: str
    epsg: int
    """Of its UTM zone."""
    west: float
    """Metres of its upper left corner, as is the next; without the few that tiles overlap by."""
    north: float
    latitude: float
    """Degrees of its middle, as is the next."""
    longitude: float
    later: float
    """Days by which its crops are behind those of 47.5 degrees north."""
    cloudy: float
    """Share of its dates with much cloud."""
    dull_winter: float
    """How much more of them are so in winter than in summer, relative to the mean."""
    wet: float
    """Wetness of its soils, relative to the Low Countries'."""
    snow: float
    """Depth of its snow, likewise."""
    overlap: bool
    """Whether a second orbit sees it, too."""


TILES = (
    Tile(  # Normandy
        name="t30uxv",
        epsg=32630,
        west=600_000,
        north=5_500_000,
        latitude=49.1,
        longitude=-0.87,
        later=6,
        cloudy=0.36,
        dull_winter=0.25,
        wet=1.0,
        snow=0.5,
        overlap=False,
    ),
    Tile(  # the lower Rhone
        name="t31tfj",
        epsg=32631,
        west=600_000,
        north=4_900_000,
        latitude=43.74,
        longitude=4.92,
        later=-14,
        cloudy=0.2,
        dull_winter=0.15,
        wet=0.6,
        snow=0.0,
        overlap=True,
    ),
    Tile(  # southern Burgundy
        name="t31tfm",
        epsg=32631,
        west=600_000,
        north=5_200_000,
        latitude=46.44,
        longitude=5.01,
        later=-1,
        cloudy=0.29,
        dull_winter=0.4,
        wet=0.9,
        snow=0.8,
        overlap=False,
    ),
    Tile(  # Alsace and the Vosges
        name="t32ulu",
        epsg=32632,
        west=300_000,
        north=5_400_000,
        latitude=48.22,
        longitude=7.04,
        later=1,
        cloudy=0.31,
        dull_winter=0.4,
        wet=0.9,
        snow=1.0,
        overlap=True,
    ),
)
