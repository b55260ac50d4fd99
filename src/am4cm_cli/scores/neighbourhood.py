"""What stands around a pixel: clouds and shadows are larger than one."""

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

RIM = 1
"""Pixels of a window's surroundings that its own answers need."""


def neighbourhood_mean(scores: Tensor) -> Tensor:
    """Mean of the known scores of the 3 x 3 pixels around each.

    Args:
        scores: (..., Y, X), NaN where unknown.

    Returns:
        (..., Y, X), NaN where the pixel's own is unknown.
    """
    images = scores.reshape(-1, 1, *scores.shape[-2:])
    known = ~images.isnan()
    total = _pool(images.masked_fill(~known, 0.0))
    mean = total / _pool(known.to(images)).clamp(min=1 / (2 * RIM + 1) ** 2)
    return mean.masked_fill(~known, torch.nan).reshape(scores.shape)


def _pool(images: Tensor) -> Tensor:
    return avg_pool2d(images, 2 * RIM + 1, stride=1, padding=RIM)
