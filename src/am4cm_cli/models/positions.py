"""Encoding of the day of the year as sines and cosines."""

import torch
from torch import Tensor

BASE = 1000.0
"""Longest wavelength over 2 pi, in days (Garnot and Landrieu 2020, their T)."""


def encode_days(days: Tensor, *, channels: int, heads: int) -> Tensor:
    """Encode days, with the same ladder of frequencies for every head.

    Args:
        days: (...), any real unit of days.
        channels: D, a multiple of `heads`.
        heads: H.

    Returns:
        (..., D) in [-1, 1].
    """
    return encode_ladder(days, channels=channels // heads).repeat(*[1] * days.dim(), heads)


def encode_ladder(days: Tensor, *, channels: int) -> Tensor:
    """Encode days for one head.

    angle(p, j) = p / 1000^(2 floor(j/2) / channels); sine for even j, cosine for odd
    (Garnot and Landrieu 2020, arXiv:2007.00586, section 3).

    Args:
        days: (...), any real unit of days.
        channels: of each head.

    Returns:
        (..., channels) in [-1, 1].
    """
    ladder = torch.arange(channels, device=days.device)
    exponent = 2 * torch.div(ladder, 2, rounding_mode="floor") / channels
    angle = days.unsqueeze(-1) / BASE**exponent
    return torch.where(ladder % 2 == 0, angle.sin(), angle.cos())
