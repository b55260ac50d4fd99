"""Maps over all dates, ready for a page."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from am4cm_cli.viewer.census import UNSEEN, Census
from am4cm_cli.viewer.coding import encode_numbers

NO_NUMBER = 65535
"""On a map, where nothing was observed."""


def map_facts(census: Census) -> list[dict[str, Any]]:
    """The maps as JSON values."""
    return [
        _map("gap", "Longest gap", "days", census.longest_gap),
        _map("count", "Clear observations", "dates", census.clear_count),
        _map("always", "Always masked", "", census.always_masked),
    ]


def _map(key: str, label: str, unit: str, values: NDArray[np.int64]) -> dict[str, Any]:
    known = values[values != UNSEEN]
    numbers = np.where(values == UNSEEN, NO_NUMBER, np.minimum(values, NO_NUMBER - 1))
    return {
        "key": key,
        "label": label,
        "unit": unit,
        "low": int(known.min()) if known.size else 0,
        "high": int(known.max()) if known.size else 0,
        "height": values.shape[0],
        "width": values.shape[1],
        "numbers": encode_numbers(numbers.astype(np.uint16)),
    }
