"""Mean and deviation of each band over all pixels and dates of a fold."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from am4cm_cli.datasets.pastis.layout import FOLDS


@dataclass(frozen=True, kw_only=True)
class Sums:
    """Of numbers and their squares, by band: whole, so that the order of adding cannot matter."""

    count: int
    first: tuple[int, ...]
    """(B,)"""
    second: tuple[int, ...]
    """(B,), of squares."""

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(
            count=self.count + other.count,
            first=tuple(map(sum, zip(self.first, other.first, strict=True))),
            second=tuple(map(sum, zip(self.second, other.second, strict=True))),
        )

    def as_json(self) -> dict[str, list[float]]:
        """The mean and the deviation of each band."""
        mean = [total / self.count for total in self.first]
        square = [total / self.count for total in self.second]
        spread = [(s - m * m) ** 0.5 for s, m in zip(square, mean, strict=True)]
        return {"mean": mean, "std": spread}


def sums_of(images: NDArray[np.int16]) -> Sums:
    """Sum (T, B, Y, X) up."""
    by_band = [images[:, band].astype(np.int64) for band in range(images.shape[1])]
    return Sums(
        count=by_band[0].size,
        first=tuple(int(values.sum()) for values in by_band),
        second=tuple(int((values**2).sum()) for values in by_band),
    )


def statistics(folds: Sequence[int], sums: Iterable[Sums]) -> dict[str, dict[str, list[float]]]:
    """What NORM_S2_patch.json holds.

    Args:
        folds: Of each patch; none of FOLDS may be missing.
        sums: Likewise.
    """
    of_fold: dict[int, Sums] = {}
    for fold, found in zip(folds, sums, strict=True):
        of_fold[fold] = of_fold[fold] + found if fold in of_fold else found
    return {f"Fold_{fold}": of_fold[fold].as_json() for fold in FOLDS}
