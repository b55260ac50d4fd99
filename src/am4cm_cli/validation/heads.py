"""Whether the heads of an attention agree on what is cloudy."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from rasterio.windows import Window
from scipy.stats import rankdata

from am4cm_cli.rasters.reading import read_patches
from am4cm_cli.scores import head_scores
from am4cm_cli.serving import serve
from am4cm_cli.stacks.stack import Stack
from am4cm_cli.validation.baselines import in_batches
from am4cm_cli.weights import Weights

MOST = 50_000
"""Observations ranked."""


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """Rank correlations between the heads' own drops, -1 to 1: high is good."""

    heads: int
    mean: float
    """Over all pairs; NaN for one head, or one that tells no two observations apart."""
    lowest: float
    """The mean of the head that agrees least with the others."""


def head_agreement(stack: Stack, weights: Weights, windows: Sequence[Window]) -> Agreement:
    """Ask each head alone for its counterfactual drop, and compare how they rank observations.

    Args:
        stack: of images.
        weights: whose heads are asked.
        windows: of the pixels to ask for.

    Raises:
        WeightsError: the weights cannot serve the stack's bands.
    """
    attention = serve(stack, weights).to(torch.device("cpu"), torch.float32)
    reflectance, valid = map(torch.from_numpy, read_patches(stack, attention.bands, windows))
    logit_sd = torch.tensor(weights.calibration.logit_sd)
    scores = head_scores(attention, logit_sd, stack.days)
    drops = torch.stack([in_batches(score, reflectance, valid) for score in scores])
    return agreement(drops.flatten(1).numpy())


def agreement(drops: NDArray[np.floating]) -> Agreement:
    """Compare (H, N) drops, NaN for none; at most MOST of them, evenly spread."""
    known = np.flatnonzero(~np.isnan(drops).any(axis=0))
    step = -(-len(known) // MOST) or 1
    ranks = rankdata(drops[:, known[::step]], axis=1)
    heads = len(drops)
    if heads < 2 or ranks.shape[1] < 2 or (np.ptp(ranks, axis=1) == 0).any():
        return Agreement(heads=heads, mean=float("nan"), lowest=float("nan"))
    by_head = (np.corrcoef(ranks).sum(axis=1) - 1) / (heads - 1)
    return Agreement(heads=heads, mean=float(by_head.mean()), lowest=float(by_head.min()))
