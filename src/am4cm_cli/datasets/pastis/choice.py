"""Which pixels of a patch become series."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from am4cm_cli.datasets.pastis.layout import FOLDS, VOID


@dataclass(frozen=True, kw_only=True)
class PixelChoice:
    """How to choose among the pixels that have a class; all of them by default."""

    folds: tuple[int, ...] = FOLDS
    """Of PASTIS, in order; patches of others are left alone."""
    per_patch: int | None = None
    """At most this many pixels of each patch."""
    fraction: float | None = None
    """This share of each patch's pixels, 0 to 1."""
    seed: int = 0

    def count(self, pixels: int) -> int:
        """How many to take of so many pixels."""
        if self.fraction is not None:
            pixels = min(pixels, max(1, round(self.fraction * pixels)))
        return pixels if self.per_patch is None else min(pixels, self.per_patch)


def choose_pixels(
    target: NDArray[np.integer], choice: PixelChoice, *, patch: int
) -> NDArray[np.int64]:
    """Draw pixels that have a class, each with the same chance.

    Args:
        target: (P,) class numbers, VOID for none.
        choice: how many.
        patch: its number; each patch has a draw of its own, whatever the others are.

    Returns:
        (N,) places in `target`, ascending.
    """
    pixels = np.flatnonzero(target != VOID)
    count = choice.count(len(pixels))
    if count == len(pixels):
        return pixels
    drawn = np.random.default_rng([choice.seed, patch]).choice(pixels, count, replace=False)
    drawn.sort()
    return drawn
