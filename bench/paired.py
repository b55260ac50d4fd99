"""Whether one weights file is better than another by eye: difference in AUC, by resampling dates.

    python bench/paired.py ../shared/data/flanders-2018 weights/sim-10band-2.safetensors \
        weights/sim-10band.safetensors

Pixels of one date are not independent, so whole dates are drawn, with both files' answers on them
together. Scored is the attention drop alone, as in bench/recipes.py.
"""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from am4cm_cli.weights import Weights, load_weights
from recipes import Trial, auc, flanders, folded_drop

BINS = 4096
"""Of drops, equally full: an area by bins differs from the exact one in the seventh digit."""
DRAWS = 2000


def date_counts(trial: Trial, drop: NDArray[np.float32]) -> NDArray[np.int64]:
    """(T, 2, K) clear and cloudy pixels of each date by bin of their drop."""
    used = trial.used & np.isfinite(drop)
    edges = np.quantile(drop[used], np.linspace(0, 1, BINS + 1)[1:-1])
    place = np.searchsorted(edges, drop)
    return np.stack(
        [
            [
                np.bincount(place[t][used[t] & (trial.cloudy[t] == kind)], minlength=BINS)
                for kind in (False, True)
            ]
            for t in range(len(drop))
        ]
    )


def area(counts: NDArray[np.int64]) -> float:
    """Area under the curve of (2, K) clear and cloudy pixels by ascending bin, ties halved."""
    clear, cloudy = counts.astype(float)
    below = np.cumsum(clear) - clear / 2
    return float((cloudy * below).sum() / (cloudy.sum() * clear.sum()))


def differences(first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.float64]:
    """(DRAWS,) how far the first file's area is above the second's, for dates drawn anew."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(DRAWS):
        drawn = np.bincount(rng.integers(len(first), size=len(first)), minlength=len(first))
        found.append(area(np.tensordot(drawn, first, 1)) - area(np.tensordot(drawn, second, 1)))
    return np.array(found)


def compare(trial: Trial, weights: tuple[Weights, Weights]) -> tuple[str, ...]:
    """Name, both areas, and the interval of their difference."""
    drops = [folded_drop(trial, one) for one in weights]
    spread = differences(*[date_counts(trial, drop) for drop in drops])
    low, high = np.quantile(spread, [0.025, 0.975])
    return trial.name, *[f"{auc(trial, drop):.4f}" for drop in drops], f"{low:+.4f} to {high:+.4f}"


def main(
    folder: Annotated[Path, typer.Argument(help="flanders-2018.")],
    first: Annotated[Path, typer.Argument(help="Weights.")],
    second: Annotated[Path, typer.Argument(help="Weights to compare with.")],
) -> None:
    """Print a row per choice of bands and target."""
    weights = load_weights(first), load_weights(second)
    table = Table("AUC of the drop", first.stem, second.stem, "first - second, 95 %")
    for trial in flanders(folder):
        table.add_row(*compare(trial, weights))
    Console(width=120).print(table)


if __name__ == "__main__":
    typer.run(main)
