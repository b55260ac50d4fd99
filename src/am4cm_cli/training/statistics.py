"""What training learns of the data before, and of its model after."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from am4cm_cli.chance import shuffled
from am4cm_cli.datasets.batches import Series
from am4cm_cli.datasets.pixels import NODATA, SCALE, PixelSeries
from am4cm_cli.evaluation import SIZE
from am4cm_cli.models import PixelModel

MOST_SAMPLED = 2_000_000
"""Dates, for the bands' statistics."""
MOST_SERIES = 100_000
"""For the spread of attention logits."""


def band_statistics(
    parts: Sequence[PixelSeries],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean (B,) and covariance (B, B) of the bands' reflectance over observed dates.

    From a random two million dates where there are more.
    """
    stored = _sample([part.reflectance for part in parts])
    observed = stored[stored[:, 0] != NODATA] * SCALE
    return observed.mean(axis=0), np.cov(observed.T)


def _sample(parts: Sequence[NDArray[np.int16]]) -> NDArray[np.int16]:
    """All rows of several arrays, or a random two million of them."""
    total = sum(map(len, parts))
    if total <= MOST_SAMPLED:
        return np.concatenate(parts)
    # At random: an even stride could meet the same few dates of every series. In order: files
    # are read faster that way.
    chosen = np.sort(np.random.default_rng(0).integers(total, size=MOST_SAMPLED))
    ends = np.cumsum([len(part) for part in parts])
    rows = np.split(chosen, np.searchsorted(chosen, ends[:-1]))
    starts = ends - [len(part) for part in parts]
    return np.concatenate([p[r - s] for p, r, s in zip(parts, rows, starts, strict=True)])


@torch.inference_mode()
def logit_spread(model: PixelModel, data: Series, *, size: int = SIZE) -> tuple[float, ...]:
    """Standard deviation of each head's attention logit over observed dates, (H,).

    Over those of a random hundred thousand series where there are more.
    """
    moments = torch.zeros(3, model.config.heads, dtype=torch.float64)
    order = torch.arange(len(data))
    if len(data) > MOST_SERIES:
        order = shuffled(len(data), seed=0, epoch=0, device=order.device)[:MOST_SERIES]
    for batch in data.batches(order, size=size):
        logits = model.observed_logits(batch.reflectance, batch.day_of_year, batch.valid)
        logits = logits.cpu().double()
        count = torch.full((len(logits),), logits.shape[1])
        moments += torch.stack([count, logits.sum(1), logits.square().sum(1)])
    mean, square = moments[1:] / moments[0]
    return tuple((square - mean.square()).sqrt().tolist())
