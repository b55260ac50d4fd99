"""Attention drop and residuals joined into how cloudy and how shadowed an observation is."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

PARTS = ("drop", "blue", "nir", "swir")


@dataclass(frozen=True, kw_only=True)
class ClearMode:
    """Where a stack's clear observations gather in each part of the evidence."""

    mean: tuple[float, ...]
    """In the order of PARTS: the drop in its own units, the others in reflectance."""
    sd: tuple[float, ...]


TYPICAL_MODE = ClearMode(mean=(-0.03, -0.004, 0.001, 0.001), sd=(0.06, 0.013, 0.033, 0.022))
"""Medians over five real and two simulated series."""
MOST_UNLIKE = 1.5
"""A stack's own mode may be wider or narrower than the typical one by this factor, and off it by
one typical sd: where dates are few, what passes for clear is anything."""


def fit_mode(evidence: NDArray[np.float32], clear: NDArray[np.bool_]) -> ClearMode:
    """Mean and spread of the clear observations, by median and median deviation.

    Args:
        evidence: (4, N) finite, of a sample of the stack.
        clear: (N,) bool, those that the attention drop alone takes for clear.
    """
    means, sds = list(TYPICAL_MODE.mean), list(TYPICAL_MODE.sd)
    for part, values in enumerate(evidence[:, clear]):
        if len(values):
            mean, sd = TYPICAL_MODE.mean[part], TYPICAL_MODE.sd[part]
            middle = float(np.median(values))
            # A normal distribution's sd is 1.4826 times its median absolute deviation.
            wide = 1.4826 * float(np.median(np.abs(values - middle)))
            means[part] = float(np.clip(middle, mean - sd, mean + sd))
            sds[part] = float(np.clip(wide, sd / MOST_UNLIKE, sd * MOST_UNLIKE))
    return ClearMode(mean=tuple(means), sd=tuple(sds))


def join(evidence: Tensor, mode: ClearMode) -> tuple[Tensor, Tensor]:
    """Join the parts, each in spreads of the clear mode.

    A cloud takes attention away and brightens the blue: their sum, over sqrt 2 to keep a spread
    of 1. A shadow darkens NIR and SWIR both; a harvest or rain darkens one of them.

    Args:
        evidence: (4, ...) in the order of PARTS, NaN for no answer.
        mode: of the same stack.

    Returns:
        Cloud and shadow scores, (...) each: about 0 with spread 1 where clear.
    """
    # Products and sums apart from each other: fused ones round otherwise at the ends of an array.
    drop, blue = (_standard(evidence, mode, part, 2**-0.5) for part in (0, 1))
    nir, swir = (_standard(evidence, mode, part, 1.0) for part in (2, 3))
    return drop.add_(blue), torch.minimum(nir, swir)


def _standard(evidence: Tensor, mode: ClearMode, part: int, unit: float) -> Tensor:
    """A part with mean 0 and this spread where clear."""
    gain = unit / mode.sd[part]
    return (evidence[part] * gain).sub_(mode.mean[part] * gain)
