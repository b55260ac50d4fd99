"""What the names of files and products tell, by the conventions of those who write them."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from am4cm_cli.sensors import BAND_METRES
from am4cm_cli.stacks.dates import Moment
from am4cm_cli.stacks.locations import stem
from am4cm_cli.stacks.products import Product

NAME = "the name"
"""Where such facts are from, for messages."""

_PRODUCT = re.compile(
    r"S2[A-D]_MSI(?P<level>L1C|L2A)_\d{8}T\d{6}_N(?P<baseline>\d{4})_R(?P<orbit>\d{3})"
    r"_(?P<tile>T\d\d[A-Z]{3})"
)
_TILE = re.compile(r"(?<![A-Za-z0-9])T\d\d[A-Z]{3}(?![A-Za-z0-9])")
_LEVEL = re.compile(r"(?<![A-Za-z0-9])(?:MSI)?(L1C|L2A)(?![A-Za-z0-9])")
_GRANULE = re.compile(
    r"S2A_OPER_MSI_(L1C)_TL_\w+?__\d{8}T\d{6}(?:_\d{8}T\d{6})?_A(\d{6})_T\d\d\w{3}"
)
_NATIVE = re.compile(r"(?:L2A_)?T\d\d[A-Z]{3}_\d{8}T\d{6}_(?P<kind>[A-Z0-9]+)(?:_[126]0m)?")
_SEN2R = re.compile(
    r"S2[A-D](?P<level>1C|2A)_\d{8}_(?P<orbit>\d{3})_[^_]*_(?P<kind>[^_]+)_(?P<metres>\d\d)"
)
_FORCE = re.compile(r"\d{8}_LEVEL2_(?P<sensor>[A-Z0-9]{5})_(?P<kind>[A-Z]{3})")
_THEIA = re.compile(r"SENTINEL2[A-D]_\d{8}-\d{6}-\d{3}_(?P<level>L1C|L2A)_(?P<tile>T\d\d[A-Z]{3})_")

_IMAGES = {"BOA": "L2A", "TOA": "L1C"}
"""sen2r's and FORCE's names of reflectance."""
_KNOWN_ORBIT = 2599, datetime(2015, 12, 21, 20, 55)
"""One of Sentinel-2A's orbits, counted since its launch, and a time in it."""
_ORBIT = timedelta(days=10) / 143
"""Sentinel-2 repeats 143 orbits every ten days."""


def told_by_name(path: Path) -> Product | None:
    """Tell a scene's facts from its file's name, and from those of products around it.

    Returns:
        None where nothing is told.
    """
    name = stem(path)
    products = list(_PRODUCT.finditer(str(path)))
    if products:
        return _of_product(products[-1])
    for known in (_of_theia, _of_force, _of_sen2r, _of_granule):
        if product := known(name):
            return product
    level, tile = _LEVEL.search(name), _TILE.search(name)
    if not level and not tile:
        return None
    return Product(source=NAME, level=level and level[1], tile=tile and tile[0])


def tile_in(name: str) -> str | None:
    """The first tile in a name, such as T31UFQ."""
    found = _TILE.search(name)
    return found and found[0]


def is_other_layer(path: Path) -> bool:
    """Whether a name tells of something else than Sentinel-2's reflectance.

    Such as scene classes, water vapour or quality beside the images of Sentinel-2's own products,
    of sen2r and of FORCE, and FORCE's images of other sensors.
    """
    name = stem(path)
    if found := _FORCE.fullmatch(name):
        return found["kind"] not in _IMAGES or not re.fullmatch("SEN2[A-D]", found["sensor"])
    if found := _SEN2R.fullmatch(name):
        return found["kind"] not in _IMAGES
    native = _NATIVE.fullmatch(name)
    return bool(native and native["kind"] in {"AOT", "PVI", "SCL", "TCI", "WVP", "CLD", "SNW"})


def bands_by_name(path: Path, count: int) -> Sequence[str]:
    """The bands of a file of so many that carries no names, in its order; none if not known.

    sen2r writes all bands but B10 (of L2A), and only one of B08 and B8A: the second where pixels
    have 20 m or more.
    """
    found = _SEN2R.fullmatch(stem(path))
    if not found or found["kind"] not in _IMAGES:
        return ()
    left_out = {"B8A" if int(found["metres"]) < 20 else "B08"}
    if _IMAGES[found["kind"]] == "L2A":
        left_out.add("B10")
    bands = [band for band in BAND_METRES if band not in left_out]
    return bands if len(bands) == count else ()


def _of_product(found: re.Match[str]) -> Product:
    baseline = found["baseline"]
    return Product(
        source=NAME,
        level=found["level"],
        baseline=f"{baseline[:2]}.{baseline[2:]}",
        tile=found["tile"],
        orbit=int(found["orbit"]),
    )


def _of_theia(name: str) -> Product | None:
    found = _THEIA.match(name)
    if not found:
        return None
    return Product(source=NAME, level=found["level"], tile=found["tile"], has_own_chain=True)


def _of_force(name: str) -> Product | None:
    found = _FORCE.fullmatch(name)
    if not found:
        return None
    return Product(source=NAME, level=_IMAGES.get(found["kind"]), has_own_chain=True)


def _of_sen2r(name: str) -> Product | None:
    found = _SEN2R.fullmatch(name)
    if not found:
        return None
    return Product(source=NAME, level=f"L{found['level']}", orbit=int(found["orbit"]))


def _of_granule(name: str) -> Product | None:
    """Granules of 2016 and before, whose names tell when they were processed, not when seen."""
    found = _GRANULE.search(name)
    if not found:
        return None
    number, time = _KNOWN_ORBIT
    day = (time + (int(found[2]) - number) * _ORBIT).date()
    seen = Moment(time=datetime(day.year, day.month, day.day), has_clock=False)
    return Product(source=NAME, level=found[1], tile=tile_in(name), moment=seen)
