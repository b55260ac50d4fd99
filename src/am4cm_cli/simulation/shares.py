"""Dealing out kinds in given shares, so that a small number still holds most of them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def deal(rng: np.random.Generator, shares: Sequence[float], count: int) -> NDArray[np.int64]:
    """(count,) indices into `shares` in random order; each as often as its share, or one off."""
    edges = np.cumsum(shares) / np.sum(shares)
    even = (np.arange(count) + rng.uniform()) / max(count, 1)
    return rng.permutation(np.searchsorted(edges[:-1], even, side="right")).astype(np.int64)
