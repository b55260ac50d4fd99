"""What stands around a pixel: clouds and shadows are larger than one."""

import torch
from torch import Tensor

RIM = 1
"""Pixels of a window's surroundings that its own answers need."""


def neighbourhood_mean(scores: Tensor) -> Tensor:
    """Mean of the known scores of the 3 x 3 pixels around each.

    They are added up in one order, so that the same neighbours have the same mean to the last bit,
    whatever the array they are cut from.

    Args:
        scores: (..., Y, X), NaN where unknown; outside, nothing is known.

    Returns:
        (..., Y, X), NaN where the pixel's own is unknown.
    """
    # One sum is NaN where anything is, and costs a tenth of a mask.
    if not bool(scores.sum().isnan()):
        return _total(scores).div_(_total(scores.new_ones(scores.shape[-2:])))
    unknown = scores.isnan()
    count = _total((~unknown).to(scores))
    return _total(scores.nan_to_num(nan=0.0)).div_(count).masked_fill_(unknown, torch.nan)


def _total(images: Tensor) -> Tensor:
    return _three(_three(images, -2), -1)


def _three(images: Tensor, axis: int) -> Tensor:
    """The one before and the one after, then the own, along an axis."""
    size = images.shape[axis]
    if size == 1:
        return images.clone()
    total = torch.empty_like(images)
    before, after = images.narrow(axis, 0, size - 2), images.narrow(axis, 2, size - 2)
    torch.add(before, after, out=total.narrow(axis, 1, size - 2))
    total.select(axis, 0).copy_(images.select(axis, 1))
    total.select(axis, -1).copy_(images.select(axis, -2))
    return total.add_(images)
