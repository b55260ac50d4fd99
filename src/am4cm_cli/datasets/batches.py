"""Padded batches of pixel series, gathered on the device that holds them."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from am4cm_cli.datasets.pixels import NODATA, SCALE, PixelSeries
from am4cm_cli.days import day_of_year


class Batch(NamedTuple):
    """P series padded to the longest of them."""

    reflectance: Tensor
    """(P, T, B) float32; 0 where not valid."""
    day_of_year: Tensor
    """(P, T) float32."""
    valid: Tensor
    """(P, T) bool, False for dates not observed and for padding."""
    target: Tensor
    """(P,) int64."""


class ResidentSeries:
    """Pixel series held whole on one device, as int16."""

    def __init__(self, series: PixelSeries, device: torch.device) -> None:
        self.reflectance = _tensor(series.reflectance, device)
        self.target = _tensor(series.target, device).long()
        self.start = _tensor(series.start, device)
        self.length = _tensor(series.lengths, device)
        self.day_of_year = _tensor(day_of_year(series.days), device)
        self.first_day = _tensor(series.calendar_start[series.calendar], device)

    def __len__(self) -> int:
        return len(self.target)

    def batch(self, index: Tensor) -> Batch:
        """Gather the series of (P,) indices."""
        length = self.length[index, None]
        step = torch.arange(int(length.max()), device=index.device)
        inside = step < length
        step = torch.where(inside, step, 0)  # padding repeats the first date, not valid
        stored = self.reflectance[self.start[index, None] + step]
        valid = inside & (stored[..., 0] != NODATA)
        return Batch(
            reflectance=torch.where(valid[..., None], stored * SCALE, 0.0),
            day_of_year=self.day_of_year[self.first_day[index, None] + step],
            valid=valid,
            target=self.target[index],
        )

    def batches(self, order: Tensor, *, size: int) -> Iterator[Batch]:
        """Yield every series of `order` once, in `batch_count` batches of about the same size."""
        parts = batch_count(len(order), size=size)
        for index in order.to(self.target.device).tensor_split(parts):
            yield self.batch(index)


def batch_count(series: int, *, size: int) -> int:
    """How many batches of at most about `size` hold so many series, none of them a single one.

    Batch normalisation has no statistics of a single series.
    """
    return max(1, min(-(-series // size), series // 2))


def _tensor(array: np.ndarray, device: torch.device) -> Tensor:
    # A copy: torch warns of read-only memory maps, and a device wants its own anyway.
    return torch.tensor(np.array(array), device=device)
