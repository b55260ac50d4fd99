"""Other ways to join the parts of the evidence, in spreads of the clear mode."""

import torch
from torch import Tensor
from variants import Join

from am4cm_cli.scores.joint import PARTS, ClearMode


def drop(evidence: Tensor, mode: ClearMode) -> tuple[Tensor, ...]:
    """The attention drop, A."""
    return (standard(evidence, mode)[0],)


def blue(evidence: Tensor, mode: ClearMode) -> tuple[Tensor, ...]:
    """The residual in the blue, B."""
    return (standard(evidence, mode)[1],)


def both(evidence: Tensor, mode: ClearMode) -> tuple[Tensor, ...]:
    """A + B, in spreads of its own."""
    first, second, *_ = standard(evidence, mode)
    return ((first + second) / 2**0.5,)


def either(evidence: Tensor, mode: ClearMode) -> tuple[Tensor, ...]:
    """The larger of A and B."""
    first, second, *_ = standard(evidence, mode)
    return first, second


def dark(evidence: Tensor, mode: ClearMode) -> tuple[Tensor, ...]:
    """The lesser loss of NIR and SWIR."""
    *_, nir, swir = standard(evidence, mode)
    return (torch.minimum(nir, swir),)


def dark_mean(evidence: Tensor, mode: ClearMode) -> tuple[Tensor, ...]:
    """The mean loss of NIR and SWIR."""
    *_, nir, swir = standard(evidence, mode)
    return ((nir + swir) / 2,)


def nir_alone(evidence: Tensor, mode: ClearMode) -> tuple[Tensor, ...]:
    """The loss of NIR."""
    return (standard(evidence, mode)[2],)


def swir_alone(evidence: Tensor, mode: ClearMode) -> tuple[Tensor, ...]:
    """The loss of SWIR."""
    return (standard(evidence, mode)[3],)


def largest(*joins: Join) -> Join:
    """The largest of several."""

    def joined(evidence: Tensor, mode: ClearMode) -> tuple[Tensor, ...]:
        return tuple(score for join in joins for score in join(evidence, mode))

    return joined


def standard(evidence: Tensor, mode: ClearMode) -> Tensor:
    """(4, ...) parts, each with mean 0 and spread 1 where clear."""
    shape = (len(PARTS), *[1] * (evidence.dim() - 1))
    mean, sd = (evidence.new_tensor(values).reshape(shape) for values in (mode.mean, mode.sd))
    return (evidence - mean) / sd
