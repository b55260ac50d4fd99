"""Numbers of references turned into classes."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from am4cm_cli.classes import CLEAR, SHADOW, SNOW, THICK, THIN, UNKNOWN
from am4cm_cli.errors import DataError

Decode = Callable[[NDArray[Any]], NDArray[np.uint8]]
"""(Y, X) numbers as stored to (Y, X) classes."""

NAMES: dict[str, int] = {
    "clear": CLEAR,
    "thick": THICK,
    "cloud": THICK,
    "thin": THIN,
    "shadow": SHADOW,
    "snow": SNOW,
    "unknown": UNKNOWN,
}
"""As --map says them."""

OWN: dict[int, int] = {kind: kind for kind in (CLEAR, THICK, THIN, SHADOW, SNOW, UNKNOWN)}
"""Of am4cm's own class rasters and of npz files with labels."""

QUALITY: dict[int, int] = {0: CLEAR, 1: THICK}
"""Of npz files with a mask: 0 good, 1 bad."""

SCL: dict[int, int] = {
    0: UNKNOWN,  # no data
    1: UNKNOWN,  # saturated or defective
    2: UNKNOWN,  # dark: shadow of cloud or of a slope, or water
    3: SHADOW,
    4: CLEAR,  # vegetation
    5: CLEAR,  # bare
    6: CLEAR,  # water
    7: UNKNOWN,  # unclassified
    8: THICK,  # medium probability
    9: THICK,  # high probability
    10: THIN,  # cirrus
    11: SNOW,
}
"""Sen2Cor's scene classes (ESA, Sentinel-2 Level-2A algorithm document)."""

SCL_AS_MASK: dict[int, int] = {**SCL, 0: THICK, 1: THICK, 2: CLEAR, 7: CLEAR, 11: THICK}
"""What a user drops by SCL: also what has no data, is saturated or called snow."""

ROUNDING = 1e-6
"""Probabilities may exceed 1 by this share: they were written as floats."""
SURE_CLEAR, SURE_CLOUD = 0.1, 0.7
"""Of another mask's probability; what lies between is unknown."""

_CLOUD, _BY_REFLECTANCE, _THINNEST, _SHADOWS = 1 << 1, 1 << 2 | 1 << 3, 1 << 4, 1 << 5 | 1 << 6


def parse_map(text: str) -> dict[int, int]:
    """Read `0=clear,1=thick`; several numbers may have one class.

    Raises:
        DataError: a part is not a number, an equals sign and one of NAMES.
    """
    found = {}
    for part in text.split(","):
        number, _, name = part.partition("=")
        if not number.strip().isdecimal() or name.strip() not in NAMES:
            raise DataError(
                f"--map: {part.strip()!r} in {text!r}; expected number=class, such as "
                f"0=clear,1=cloud, with the classes {', '.join(NAMES)}."
            )
        if int(number) in found:
            raise DataError(f"--map: {number.strip()} is given twice in {text!r}; leave one out.")
        found[int(number)] = NAMES[name.strip()]
    return found


def by_number(mapping: Mapping[int, int], nodata: float | None, source: str) -> Decode:
    """Decode class rasters.

    Args:
        mapping: number to class.
        nodata: a number that is unknown unless the mapping tells otherwise; None for none.
        source: for messages.
    """
    whole = {} if nodata is None or not float(nodata).is_integer() else {int(nodata): UNKNOWN}
    return partial(_look_up, mapping={**whole, **mapping}, source=source)


def by_probability(full: float, nodata: float | None, source: str) -> Decode:
    """Decode another mask's probability: sure below SURE_CLEAR and above SURE_CLOUD.

    Args:
        full: the number that stands for 1.
        nodata: a number that is unknown; None for none. NaN always is.
        source: for messages.
    """
    return partial(_sure, full=full, nodata=nodata, source=source)


def maja(numbers: NDArray[Any]) -> NDArray[np.uint8]:
    """Decode MAJA's cloud mask (CLM) as THEIA distributes it, a bit field.

    From the least bit on: any cloud or shadow, any cloud, cloud by one date's reflectance, cloud
    by several dates' reflectance, thinnest cloud, shadow of a cloud, shadow of a cloud outside the
    image, high cloud at 1.38 um (CNES, THEIA's Sentinel-2 L2A product format; MAJA's native format
    has another order). Thick is cloud by reflectance; thin is any other cloud; the rest of what is
    flagged is shadow.
    """
    field = numbers.astype(np.uint8)
    classes = np.where(field > 0, SHADOW, CLEAR)
    cloud = field & (_CLOUD | _THINNEST | 1 << 7) > 0
    thick = (field & _CLOUD > 0) & (field & _BY_REFLECTANCE > 0)
    classes = np.where(cloud, THIN, classes)
    return np.where(thick, THICK, classes).astype(np.uint8)


def _look_up(
    numbers: NDArray[Any], *, mapping: Mapping[int, int], source: str
) -> NDArray[np.uint8]:
    classes = np.full(numbers.shape, UNKNOWN, np.uint8)
    for number in np.unique(numbers[~np.isnan(numbers)]):
        if number not in mapping:
            raise DataError(
                f"{source}: has the number {number:g}, which is no class; expected "
                f"{', '.join(str(known) for known in sorted(mapping))}. Tell what each number "
                "means, for example with --map 0=clear,1=cloud, or what it is with --kind."
            )
        classes[numbers == number] = mapping[number]
    return classes


def _sure(
    numbers: NDArray[Any], *, full: float, nodata: float | None, source: str
) -> NDArray[np.uint8]:
    known = numbers[(numbers != nodata) & ~np.isnan(numbers)]
    if known.size and not -ROUNDING <= known.min() <= known.max() <= full * (1 + ROUNDING):
        raise DataError(
            f"{source}: holds numbers from {known.min():g} to {known.max():g}; expected "
            f"probabilities of 0 to {full:g}. Divide them, or tell their classes with --map."
        )
    share = numbers.astype(np.float64) / full
    classes = np.full(numbers.shape, UNKNOWN, np.uint8)
    classes[share < SURE_CLEAR] = CLEAR
    classes[share > SURE_CLOUD] = THICK
    if nodata is not None:
        classes[numbers == nodata] = UNKNOWN
    return classes
