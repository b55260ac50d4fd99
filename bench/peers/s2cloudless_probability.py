"""Clouds of every date of an L1C series by s2cloudless, in an environment of its own.

    python -m venv build/s2cloudless
    build/s2cloudless/bin/pip install s2cloudless==1.7.3
    build/s2cloudless/bin/python bench/peers/s2cloudless_probability.py \
        build/peers/lazio-l1c.npz build/s2cloudless.npz

The series is one that arrays.py wrote. What comes out, over (T, Y, X): `probability`, the
classifier's own, pixel by pixel; `narrow_mask`, as the package makes it by default (averaged over a
disk of 1 pixel, above 0.4, dilated by 1); `wide_mask`, with the 4 and 2 of its published example.
With `date` (T,) come `seconds` (T,), in which each date's default mask was made from an array in
memory, and `version`.
"""

import sys
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from s2cloudless import S2PixelCloudDetector

BANDS = ("B01", "B02", "B04", "B05", "B08", "B8A", "B09", "B10", "B11", "B12")
"""In the order of the classifier's features."""


def find_clouds(reflectance: NDArray[np.float32]) -> dict[str, NDArray[np.generic]]:
    """Classify (T, Y, X, B) dates one at a time, as the length of a series must not matter."""
    detector = S2PixelCloudDetector()
    wide = S2PixelCloudDetector(average_over=4, dilation_size=2)
    # The model is read at its first use; whoever masks a series pays for that once.
    _ = detector.classifier
    found = {"probability": [], "narrow_mask": [], "wide_mask": [], "seconds": []}
    for image in reflectance[:, None]:
        start = time.perf_counter()
        probability = detector.get_cloud_probability_maps(image)
        found["narrow_mask"].append(detector.get_mask_from_prob(probability)[0])
        found["seconds"].append(time.perf_counter() - start)
        found["probability"].append(probability[0])
        found["wide_mask"].append(wide.get_mask_from_prob(probability)[0])
    return {name: np.stack(parts) for name, parts in found.items()}


def main(series: Path, out: Path) -> None:
    """Write what is found, in the order of the dates."""
    with np.load(series) as file:
        order = [list(file["band"]).index(band) for band in BANDS]
        reflectance = np.moveaxis(file["reflectance"][:, order], 1, -1)
        date = file["date"]
    found = find_clouds(np.ascontiguousarray(reflectance))
    np.savez_compressed(out, date=date, version=version("s2cloudless"), **found)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
