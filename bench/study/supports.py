"""Other spatial supports than the mean of 3 x 3 pixels."""

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d


def alone(scores: Tensor) -> Tensor:
    """Each pixel by itself."""
    return scores


def mean_5(scores: Tensor) -> Tensor:
    """Mean of the known scores of 5 x 5 pixels."""
    known = ~scores.isnan()
    images = scores.masked_fill(~known, 0.0)[:, None]
    total = avg_pool2d(images, 5, stride=1, padding=2)
    share = avg_pool2d(known.to(scores)[:, None], 5, stride=1, padding=2)
    return (total / share.clamp(min=1 / 25))[:, 0].masked_fill(~known, torch.nan)


def median_3(scores: Tensor) -> Tensor:
    """Median of the known scores of 3 x 3 pixels, the lower of two."""
    padded = torch.nn.functional.pad(scores[:, None], (1, 1, 1, 1), value=torch.nan)[:, 0]
    around = padded.unfold(1, 3, 1).unfold(2, 3, 1).flatten(3)
    return around.nanmedian(dim=-1).values.masked_fill(scores.isnan(), torch.nan)
