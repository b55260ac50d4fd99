"""Batch normalisation whose statistics may span several processes."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

Reduce = Callable[[Tensor], Tensor]
"""Sums a tensor over all ranks; going back, it sums the gradients over all ranks likewise."""


class BatchNorm(nn.BatchNorm1d):
    """Batch normalisation of (N, D) rows, over the rows of all ranks where there are several.

    State dict, running statistics and evaluation are the parent's. Without `reduce`, training is
    the parent's too.
    """

    reduce: Reduce | None = None
    """Set while training on several ranks; each of them must then call forward equally often."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 (the parent's name)
        """Normalise rows.

        Args:
            input: (N, D); with `reduce`, a rank may have no row, but not all of them.

        Returns:
            (N, D) of the input's dtype.
        """
        if self.reduce is None or not self.training:
            return super().forward(input)
        rows = input.to(torch.promote_types(input.dtype, torch.float32))
        mean, variance = self._statistics(rows, self.reduce)
        scaled = (rows - mean) * (variance + self.eps).rsqrt()
        return (scaled * self.weight + self.bias).to(input.dtype)

    def _statistics(self, rows: Tensor, reduce: Reduce) -> tuple[Tensor, Tensor]:
        """Mean and biased variance over all ranks, (D,) each; updates the running ones."""
        assert self.running_mean is not None
        # Sums of squares lose digits far from 0; every rank has the same running mean.
        origin = self.running_mean.detach().clone()
        centred = rows - origin
        count = centred.new_full((1,), len(centred))
        sums = reduce(torch.cat([count, centred.sum(0), centred.square().sum(0)]))
        total = sums[0]
        shift, square = (sums[1:] / total).chunk(2)
        variance = (square - shift.square()).clamp(min=0)
        self._follow(origin + shift.detach(), variance.detach() * total / (total - 1).clamp(min=1))
        return origin + shift, variance

    @torch.no_grad()
    def _follow(self, mean: Tensor, variance: Tensor) -> None:
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        assert self.momentum is not None
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), self.momentum)
        self.running_var.lerp_(variance.to(self.running_var.dtype), self.momentum)
        self.num_batches_tracked += 1
