"""Randomness that a model is handed while it trains, and never draws itself."""

from typing import Protocol

from torch import Tensor


class Chance(Protocol):
    """What a forward pass may draw from: one object per pass, asked for the uses in turn.

    A model asks in the same order in every pass, so the n-th question of a pass is always the
    same use. An implementation makes each answer depend on the seed, the use, the sample and the
    element's place within its sample, but neither on the other samples nor on how long the
    sample's axes are: then batches may be split over ranks and padded as it suits.
    """

    def dropout(self, x: Tensor, *, rate: float, sample_axis: int = 0) -> Tensor:
        """Set a share of the elements to 0 and scale the others, so that the mean stays.

        Args:
            x: any shape, floating point.
            rate: share set to 0, from 0 to below 1; the others are divided by 1 - rate.
            sample_axis: the axis of x along which the samples lie, in the order of the batch.

        Returns:
            Of x's shape and dtype.
        """
        ...


def dropped(x: Tensor, chance: Chance | None, *, rate: float, sample_axis: int = 0) -> Tensor:
    """The dropout of this chance; x itself where there is no chance or nothing to drop."""
    if chance is None or rate == 0:
        return x
    return chance.dropout(x, rate=rate, sample_axis=sample_axis)
