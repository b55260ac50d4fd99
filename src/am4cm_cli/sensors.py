"""Sentinel-2's bands: their names, aliases and pixel sizes."""

import re
from collections.abc import Sequence

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
    "aerosol": "B01",
    "blue": "B02",
    "green": "B03",
    "red": "B04",
    "rededge1": "B05",
    "rededge071": "B05",
    "rededge2": "B06",
    "rededge075": "B06",
    "rededge3": "B07",
    "rededge078": "B07",
    "nir": "B08",
    "nir1": "B08",
    "broadnir": "B08",
    "rededge4": "B8A",
    "nir2": "B8A",
    "nir08": "B8A",
    "nirnarrow": "B8A",
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


def band_name(text: str) -> str | None:
    """Return the standard name of a band written as `B2`, `b02`, `8A` or `blue`; None if unknown.

    What follows a comma or bracket is ignored: `B4, central wavelength 665 nm`. A bare number is
    unknown: `4` is as often a place in a file as a band of the sensor.
    """
    word = re.split(r"[,;(]", text, maxsplit=1)[0].strip()
    found = re.fullmatch(r"[Bb]0?(\d{1,2}|8[Aa])(?:[_ ]\d\dm)?|(8[Aa])", word)
    if not found:
        return ALIASES.get(re.sub(r"[\s_-]", "", word).lower())
    number = (found[1] or found[2]).upper()
    name = f"B{number}" if number == "8A" else f"B{int(number):02d}"
    return name if name in BAND_METRES else None


def name_bands(texts: Sequence[str]) -> tuple[str | None, ...]:
    """Return the standard name of each band of a file; None for those that are unknown.

    Beside FORCE's BROADNIR, which is B08, its NIR is B8A.
    """
    names = tuple(map(band_name, texts))
    words = [text.strip().lower() for text in texts]
    if "broadnir" not in words:
        return names
    return tuple("B8A" if word == "nir" else name for word, name in zip(words, names, strict=True))
