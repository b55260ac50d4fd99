"""Other indices in the network's place: alone, and with the residuals beside them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from indices import at_random, halves, network, of_heads, without_network
from measuring import Marks, asking, mark
from series import Library
from torch import Tensor
from variants import Variant

from am4cm_cli.weights import Weights

TOGETHER, OTHER = "all heads, sim-10band-2", "all heads, sim-10band"
EACH, RANDOM = "each head by itself", "random directions"


@dataclass(frozen=True, kw_only=True)
class Group:
    """Indices of a kind."""

    alone: list[Marks]
    """The drop of each by itself."""
    joined: list[Marks]
    """The mask with each in place of the network's index."""

    def spread(self, joined: bool) -> dict[str, tuple[float, float, float]]:
        """Lowest, median and highest area by measure."""
        marks = self.joined if joined else self.alone
        return {name: _three(getattr(one, name)[0] for one in marks) for name in MEASURES}


MEASURES = ("cloud", "unusable", "simulated_cloud", "simulated_unusable")


def control(library: Library, weights: Weights, other: Weights) -> dict[str, Group]:
    """Every kind of index."""
    groups = {
        TOGETHER: [network(weights)],
        "half of the heads, at random": halves(weights),
        EACH: of_heads(weights),
        RANDOM: at_random(weights),
    }
    groups |= {name: [index] for name, index in without_network(weights).items()}
    found = {name: group(library, weights, indexes) for name, indexes in groups.items()}
    found[OTHER] = group(library, other, [network(other)])
    return found


def group(library: Library, weights: Weights, indexes: Iterable[Tensor]) -> Group:
    """Mark indices alone and joined."""
    alone, joined = [], []
    for index in indexes:
        alone.append(mark(asking(Variant(method="drop", index=index), weights), library))
        joined.append(mark(asking(Variant(index=index), weights), library))
    return Group(alone=alone, joined=joined)


def _three(values: Iterable[float]) -> tuple[float, float, float]:
    found = np.array(list(values))
    return float(found.min()), float(np.median(found)), float(found.max())
