"""The learning rate of each step, as a function of the step alone."""

from math import cos, pi

from torch.optim import Optimizer

WARMUP = 0.3
"""Share of the steps that lead up to the peak."""
START, END = 1 / 25, 1 / 250_000
"""Learning rate of the first and the last step, of the peak."""
MOMENTUM = 0.95, 0.85
"""Of Adam's first moment, at the ends and at the peak."""


def one_cycle(step: int, *, steps: int, rate: float) -> tuple[float, float]:
    """Learning rate and momentum of one step (Smith and Topin 2018, with half cosines).

    Args:
        step: from 0 to steps - 1.
        steps: of the whole training.
        rate: at the peak.
    """
    peak = WARMUP * steps - 1
    if step <= peak:
        share = step / peak
        return _between(START * rate, rate, share), _between(*MOMENTUM, share)
    share = (step - peak) / (steps - 1 - peak)
    return _between(rate, END * rate, share), _between(*MOMENTUM[::-1], share)


def set_rate(optimiser: Optimizer, rate: float, momentum: float) -> None:
    """Use these for the next step of an Adam."""
    for group in optimiser.param_groups:
        group["lr"] = rate
        group["betas"] = momentum, group["betas"][1]


def _between(first: float, last: float, share: float) -> float:
    return last + (first - last) * (1 + cos(pi * share)) / 2
