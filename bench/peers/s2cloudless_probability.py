"""Cloud probability of every date of an L1C folder by s2cloudless, in an environment of its own.

    python -m venv build/s2cloudless
    build/s2cloudless/bin/pip install s2cloudless==1.7.3 rasterio
    build/s2cloudless/bin/python bench/peers/s2cloudless_probability.py \
        ../shared/data/lazio-l1c build/s2cloudless.npz

Files have all thirteen bands in the order of Sentinel-2 and a date in their names. What comes out
is the classifier's own probability, pixel by pixel, before it is averaged or dilated.
"""

import re
import sys
from pathlib import Path

import numpy as np
import rasterio
from s2cloudless import S2PixelCloudDetector

DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def main(folder: Path, out: Path) -> None:
    """Write `probability` (T, Y, X) and `date` (T,), in the order of the dates."""
    detector = S2PixelCloudDetector(all_bands=True)
    found = {}
    for path in folder.glob("*.tif"):
        with rasterio.open(path) as raster:
            image = np.moveaxis(raster.read() * 1e-4, 0, -1)
        found[DATE.search(path.name)[0]] = detector.get_cloud_probability_maps(image[None])[0]
    dates = sorted(found)
    probability = np.stack([found[date] for date in dates]).astype(np.float32)
    np.savez_compressed(out, date=dates, probability=probability)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
