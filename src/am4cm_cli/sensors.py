"""Sentinel-2's bands: their names, aliases and pixel sizes."""

import re
from collections.abc import Sequence
from difflib import get_close_matches

BAND_METRES: dict[str, int] = {
    "B01": 60,
    "B02": 10,
    "B03": 10,
    "B04": 10,
    "B05": 20,
    "B06": 20,
    "B07": 20,
    "B08": 10,
    "B8A": 20,
    "B09": 60,
    "B10": 60,
    "B11": 20,
    "B12": 20,
}
"""Every Sentinel-2 band in the sensor's own order, with its pixel size in metres."""

PLAUSIBLE = (0.001, 3.0)
"""Typical reflectances of a scene's brightest band lie within; beyond, the scale is wrong."""

LAND_BANDS = ("B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11", "B12")
"""The ten bands of a surface reflectance product, in the order of PASTIS."""

ALIASES: dict[str, str] = {
    "coastal": "B01",
    "coastalaerosol": "B01",
    "ultrablue": "B01",
    "aerosol": "B01",
    "blue": "B02",
    "green": "B03",
    "red": "B04",
    "rededge1": "B05",
    "re1": "B05",
    "rededge071": "B05",
    "vegetationrededge1": "B05",
    "rededge2": "B06",
    "re2": "B06",
    "rededge075": "B06",
    "vegetationrededge2": "B06",
    "rededge3": "B07",
    "re3": "B07",
    "rededge078": "B07",
    "vegetationrededge3": "B07",
    "nir": "B08",
    "nir1": "B08",
    "nirbroad": "B08",
    "broadnir": "B08",
    "bnir": "B08",
    "re4": "B8A",
    "rededge4": "B8A",
    "nir2": "B8A",
    "nir08": "B8A",
    "nirnarrow": "B8A",
    "narrownir": "B8A",
    "watervapour": "B09",
    "watervapor": "B09",
    "nir09": "B09",
    "cirrus": "B10",
    "swir1": "B11",
    "swir16": "B11",
    "swir2": "B12",
    "swir22": "B12",
}
"""Common names of STAC catalogues and export tools, lower case without separators."""


BROAD = {"nirbroad", "broadnir", "bnir"}
"""Whoever calls B08 so, as FORCE does, means B8A by the mere `nir`."""

_PREFIX = r"(?:(?:s2[abc]?|sentinel-?2[abc]?|sr|sre|fre|boa|toa|band|\d{8}(?:t\d{6})?)[\s_:-]*)*"
_CODE = re.compile(_PREFIX + r"(?:b0?(?P<number>8a|\d{1,2})|(?P<bare>8a))(?P<rest>.*)")
_METRES = re.compile(r"\d0 ?m")
_WAVELENGTH = re.compile(r"\d+(?:\.\d+)? ?(?:nm|um|nanometers|micrometers)")


def band_name(text: str) -> str | None:
    """Return the standard name of a band written as `B2`, `b02`, `8A`, `S2A_B2` or `blue`.

    What follows a comma or bracket is ignored: `B4, central wavelength 665 nm`. Other words may
    follow if they say no other band: `B02_10m`, `B2 - Blue`. A mere number is unknown: `4`, or
    `Band 4`, is as often a place in a file as a band of the sensor. None if unknown.
    """
    word = re.split(r"[,;(\[]", text, maxsplit=1)[0].strip().lower()
    found = _CODE.fullmatch(word)
    if not found:
        return ALIASES.get(_bare(word))
    number = (found["number"] or found["bare"]).upper()
    name = f"B{number}" if number == "8A" else f"B{int(number):02d}"
    return name if name in BAND_METRES and _agrees(found["rest"], name) else None


def name_bands(texts: Sequence[str]) -> tuple[str | None, ...]:
    """Return the standard names of the bands of one file, where a name may depend on the others."""
    says_broad = any(_bare(text) in BROAD for text in texts)
    return tuple(
        "B8A" if says_broad and _bare(text) == "nir" else band_name(text) for text in texts
    )


def similar_band(text: str) -> str | None:
    """Return the known name or alias that looks most like a text; None if none does."""
    names = {name.lower(): name for name in (*BAND_METRES, *ALIASES)}
    close = get_close_matches(text.strip().lower(), names, n=1, cutoff=0.4)
    return names[close[0]] if close else None


def _bare(text: str) -> str:
    return re.sub(r"[\s_-]", "", text).lower()


def _agrees(rest: str, name: str) -> bool:
    """Whether what follows a band's number leaves it at that."""
    if rest[:1].isalnum():
        return False
    words = rest.strip(" \t_:-")
    is_size = _METRES.fullmatch(words) or _WAVELENGTH.fullmatch(words)
    return not words or bool(is_size) or ALIASES.get(_bare(words)) == name
