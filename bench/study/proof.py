"""That what the study measures is the mask that `am4cm mask` writes."""

import subprocess
import sys

import numpy as np
import rasterio
import torch
from series import Places, Series
from torch import Tensor
from variants import Variant, ask

from am4cm_cli.classes import TARGETS
from am4cm_cli.judgement import JointJudge, fit_judge
from am4cm_cli.probabilities import tabulate, tabulate_least
from am4cm_cli.weights import Weights

ROUNDING = 1e-5
"""Float32 arithmetic in another order, of the scores and of what is fitted to them."""


def furthest(places: Places, series: Series, weights: Weights) -> float:
    """Largest difference of a probability from the one written for flanders-2018."""
    answer = ask(Variant(), series, weights)
    found, allowed = 0.0, half_a_step(torch.from_numpy(answer.evidence), weights) + ROUNDING
    for target in TARGETS:
        out = places.build / "study" / f"flanders-{target}.tif"
        folder = places.shared / "flanders-2018" / "images"
        words = [folder, out, "--overwrite", "--dtype", "float32", "--target", target]
        subprocess.run([sys.executable, "-m", "am4cm_cli", "mask", *map(str, words)], check=True)
        with rasterio.open(out) as raster:
            written = raster.read()
        found = max(found, float(np.nanmax(np.abs(written - answer.probability(target)))))
    assert found < allowed, f"{found:.1e} off, and tables and rounding allow {allowed:.1e}"
    return found


def half_a_step(evidence: Tensor, weights: Weights) -> float:
    """How far the nearest entry of the mask's tables of probability may be off, at their steepest.

    Args:
        evidence: (4, T, Y, X) that the tables are fitted to.
        weights: whose calibration they begin from.
    """
    dates = int((~evidence[0].isnan()).flatten(1).any(dim=1).sum())
    judge = fit_judge(evidence, weights.calibration, "counterfactual", dates=dates)
    assert isinstance(judge, JointJudge)
    cloud, unusable = judge.cloud, judge.unusable
    lines = judge.recalibrated_cloud, judge.recalibrated_unusable
    place = evidence.device
    tables = (
        tabulate_least((cloud, lines[0]), (unusable, lines[1]), place),
        tabulate(unusable, lines[1], place),
    )
    return max(float(table.values[1:].diff().abs().max()) for table in tables) / 2
