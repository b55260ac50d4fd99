"""That what the study measures is the mask that `am4cm mask` writes."""

import subprocess
import sys

import numpy as np
import rasterio
from series import Places, Series
from variants import Variant, ask

from am4cm_cli.classes import TARGETS
from am4cm_cli.weights import Weights

LARGEST = 2e-4
"""Masks look probabilities up in a table, whose nearest entry may be so far off."""


def furthest(places: Places, series: Series, weights: Weights) -> float:
    """Largest difference of a probability from the one written for flanders-2018."""
    answer = ask(Variant(), series, weights)
    found = 0.0
    for target in TARGETS:
        out = places.build / "study" / f"flanders-{target}.tif"
        folder = places.shared / "flanders-2018" / "images"
        words = [folder, out, "--overwrite", "--dtype", "float32", "--target", target]
        subprocess.run([sys.executable, "-m", "am4cm_cli", "mask", *map(str, words)], check=True)
        with rasterio.open(out) as raster:
            written = raster.read()
        found = max(found, float(np.nanmax(np.abs(written - answer.probability(target)))))
    assert found < LARGEST
    return found
