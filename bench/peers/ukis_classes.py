"""Clouds and shadows of every date of a series by ukis-csmask, in an environment of its own.

    python -m venv build/ukis-csmask
    build/ukis-csmask/bin/pip install "ukis-csmask[cpu]==1.0.0"
    build/ukis-csmask/bin/python bench/peers/ukis_classes.py \
        build/peers/flanders-2018.npz build/peers/flanders-2018-ukis.npz

The series is one that arrays.py wrote; its level chooses the model for L1C or L2A, its bands the
one for six or for four. Each date is one call of CSmask as its README shows, which reads the model
anew, and that twice: on the pixels as they are, and brought to 30 m by the nearest neighbour, which
the README advises for best performance, and back. What comes out, over (T, Y, X): `classes` and
`classes_30m`, 0 background, 1 cloud, 2 shadow; `invalid` and `invalid_30m`, the package's own mask
of both, widened by 4 pixels of the size it sees. With `date` (T,) come `seconds` and `seconds_30m`
(T,), in which each call was done from an array in memory, and `version`.
"""

import sys
import time
import warnings
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from ukis_csmask.mask import CSmask

NAMES = {"B02": "blue", "B03": "green", "B04": "red", "B11": "swir16", "B12": "swir22"}
NEAR_INFRARED = ("B08", "B8A")
"""B08 where there is one."""
ADVISED = 30
"""Metres."""


def band_order(bands: list[str]) -> dict[str, str]:
    """Name by standard band, of those that the package can use; six of them or four."""
    near_infrared = next(band for band in NEAR_INFRARED if band in bands)
    names = {**NAMES, near_infrared: "nir"}
    return {band: names[band] for band in bands if band in names}


def coarse(side: int, factor: float) -> NDArray[np.int64]:
    """Which fine pixel lies under the centre of each coarse one, `factor` of them long."""
    centres = (np.arange(max(1, round(side / factor))) + 0.5) * factor
    return np.minimum(centres.astype(np.int64), side - 1)


def fine(side: int, factor: float, count: int) -> NDArray[np.int64]:
    """Which coarse pixel, of `count`, holds the centre of each fine one."""
    return np.minimum(((np.arange(side) + 0.5) / factor).astype(np.int64), count - 1)


def classify(
    image: NDArray[np.float32], names: list[str], level: str, factor: float
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Classify a (Y, X, B) image brought to pixels `factor` times as long.

    Returns:
        (Y, X) classes, and what the package would not use, on the image's own pixels.
    """
    height, width = image.shape[:2]
    rows, columns = coarse(height, factor), coarse(width, factor)
    found = CSmask(
        img=image[np.ix_(rows, columns)], band_order=names, product_level=level, nodata_value=0
    )
    back = np.ix_(fine(height, factor, len(rows)), fine(width, factor, len(columns)))
    return found.csm[..., 0][back], found.valid[..., 0][back] == 0


def main(series: Path, out: Path) -> None:
    """Write what is found, in the order of the dates."""
    # It says on every call that images below 256 pixels may do less well; the page says so, once.
    warnings.filterwarnings("ignore", category=UserWarning, module="ukis_csmask")
    with np.load(series) as file:
        bands, level, date = list(file["band"]), str(file["level"]).lower(), file["date"]
        names = band_order(bands)
        order = [bands.index(band) for band in names]
        reflectance = np.moveaxis(file["reflectance"][:, order], 1, -1)
        factors = {"": 1.0, "_30m": ADVISED / float(file["metres"])}
    found: dict[str, list[object]] = {}
    for image in np.ascontiguousarray(reflectance):
        for kind, factor in factors.items():
            start = time.perf_counter()
            classes, invalid = classify(image, list(names.values()), level, factor)
            found.setdefault(f"seconds{kind}", []).append(time.perf_counter() - start)
            found.setdefault(f"classes{kind}", []).append(classes)
            found.setdefault(f"invalid{kind}", []).append(invalid)
    stacked = {name: np.stack(parts) for name, parts in found.items()}
    np.savez_compressed(out, date=date, version=version("ukis-csmask"), **stacked)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
