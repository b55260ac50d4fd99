"""How much one date says about another, cut so that far dates never meet."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from math import ceil

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

REACH = 3.0
"""The kernel ends at this many widths."""


def day_kernel(days: NDArray[np.integer], *, width: float) -> NDArray[np.float64]:
    """How much one date says about another, by the days between them.

    Args:
        days: (T,) days since 1970-01-01.
        width: standard deviation of the Gaussian in days.

    Returns:
        (T, T), 0 to 1; 0 for two scenes of one day, which may be one image twice, and beyond
        REACH widths.
    """
    apart = np.abs(days[:, None] - days[None, :]) / width
    return np.exp(-0.5 * apart**2) * (apart > 0) * (apart <= REACH)


def chunks_of(days: NDArray[np.integer], *, width: float) -> NDArray[np.int64]:
    """(T,) chunks of the calendar, each as long as the kernel's reach, counted from 1970-01-01.

    Absolute, so that a date's chunk is the same whatever other dates there are; and a date says
    nothing about those beyond the next chunk.
    """
    chunks: NDArray[np.int64] = days.astype(np.int64) // ceil(REACH * width)
    return chunks


def reached(
    days: NDArray[np.integer], changed: NDArray[np.integer], chunks: int, *, width: float
) -> NDArray[np.bool_]:
    """Which dates lie at most so many chunks of the calendar from any that changed.

    The answers of all others stay as they are to the last bit, if `chunks` is the number of
    rounds of `CounterfactualConfig`: each round carries a date's word one chunk further.

    Args:
        days: (T,) days since 1970-01-01.
        changed: (N,) days of dates added, removed or altered.
        chunks: 0 for those of the changed chunks alone.
        width: standard deviation of the kernel in days.
    """
    here, there = chunks_of(days, width=width), chunks_of(changed, width=width)
    near: NDArray[np.bool_] = (np.abs(here[:, None] - there[None, :]) <= chunks).any(axis=1)
    return near


@dataclass(frozen=True, kw_only=True)
class Block:
    """The dates of one chunk, and what those of it and of its neighbours say about them."""

    rows: slice
    columns: slice
    matrix: Tensor
    """(rows, columns) of the kernel."""


@dataclass(frozen=True, kw_only=True)
class DayKernel:
    """The kernel of a stack's dates, without the zeros far from its diagonal.

    A date's sums are made of the same numbers in the same order whatever dates lie beyond its
    neighbouring chunks, so they are the same to the last bit.
    """

    blocks: tuple[Block, ...]

    @classmethod
    def of(cls, days: NDArray[np.integer], *, width: float) -> DayKernel:
        """Cut the kernel of (T,) ascending days, in float64."""
        assert (np.diff(days) >= 0).all(), "dates must ascend"
        chunks = chunks_of(days, width=width)
        blocks = []
        for chunk in np.unique(chunks):
            rows = _places(chunks, chunk, chunk)
            columns = _places(chunks, chunk - 1, chunk + 1)
            whole = day_kernel(days[columns], width=width)
            first = rows.start - columns.start
            matrix = torch.from_numpy(whole[first : first + rows.stop - rows.start])
            blocks.append(Block(rows=rows, columns=columns, matrix=matrix))
        return cls(blocks=tuple(blocks))

    def to(self, like: Tensor) -> DayKernel:
        """The same on another tensor's device, in its precision."""
        moved = (replace(block, matrix=block.matrix.to(like)) for block in self.blocks)
        return replace(self, blocks=tuple(moved))

    def times(self, factors: Tensor) -> DayKernel:
        """The same with each of its numbers multiplied by that of a (T, T) matrix."""
        blocks = []
        for block in self.blocks:
            own = factors[block.rows, block.columns].to(block.matrix)
            blocks.append(replace(block, matrix=block.matrix * own))
        return replace(self, blocks=tuple(blocks))

    @cached_property
    def lonely(self) -> bool:
        """Whether some date has no other within reach."""
        return any(bool((block.matrix == 0).all(dim=1).any()) for block in self.blocks)

    def sum(self, series: Tensor) -> Tensor:
        """Add up what the other dates have, each by how near it is.

        Args:
            series: (T, ..., P), finite everywhere, each date contiguous.

        Returns:
            The same shape; 0 where no date lies within reach.
        """
        flat = series.view(len(series), -1)
        sums = flat.new_empty(flat.shape)
        rows = sums.split([len(block.matrix) for block in self.blocks])
        for block, found in zip(self.blocks, rows, strict=True):
            torch.mm(block.matrix, flat[block.columns], out=found)
        return sums.view(series.shape)


def _places(chunks: NDArray[np.int64], first: int, last: int) -> slice:
    """Those of ascending chunks from one to another, both included."""
    return slice(
        int(np.searchsorted(chunks, first, side="left")),
        int(np.searchsorted(chunks, last, side="right")),
    )
