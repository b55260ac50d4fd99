"""When in the year a model looks, by class and head."""

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from am4cm_cli.datasets.batches import Batch
from am4cm_cli.models import PixelModel
from am4cm_cli.reports.training import LONGEST_YEAR

PARTS = 24
"""About half months."""


def attention_over_year(
    model: PixelModel, batches: Iterable[Batch], *, classes: int, parts: int = PARTS
) -> NDArray[np.float64]:
    """Mean attention that an observed date gets, as a multiple of an even share.

    An even share is one over the observed dates of a series, so that long and short ones compare.
    Classes are the true ones.

    Args:
        model: in evaluation mode.
        batches: on the model's device, each series once; at least one batch.
        classes: K.
        parts: M parts of equal length that the year is cut into.

    Returns:
        (K, H, M): 1 is an even share, 0 is ignored; NaN where a class has no observed date.
    """
    cells = classes * parts
    found = (_sums(model, batch, cells=cells, parts=parts) for batch in batches)
    total = sum(found, start=np.zeros(()))
    mean = np.where(total[-1] > 0, total[:-1] / np.maximum(total[-1], 1), np.nan)
    return mean.reshape(-1, classes, parts).transpose(1, 0, 2)


def part_of_year(day_of_year: Tensor, parts: int) -> Tensor:
    """Which of so many equal parts of the year, from 0, each day from 1 to 366 lies in."""
    return ((day_of_year - 1) * parts / LONGEST_YEAR).long()


@torch.inference_mode()
def _sums(model: PixelModel, batch: Batch, *, cells: int, parts: int) -> NDArray[np.float64]:
    """(H + 1, K * M) sums of each head's share, then the number of observed dates."""
    prediction = model(batch.reflectance, batch.day_of_year, batch.valid)
    cell = batch.target[:, None] * parts + part_of_year(batch.day_of_year, parts)
    share = prediction.attention * batch.valid.sum(dim=1, keepdim=True)
    share = torch.cat([share, torch.ones_like(share[:1])]).float()[:, batch.valid]
    sums = share.new_zeros(len(share), cells).index_add_(1, cell[batch.valid], share)
    # Added up on the CPU: not every device counts in double precision.
    return sums.cpu().numpy().astype(np.float64)
