"""Which folds to train, validate and test on."""

from dataclasses import dataclass
from pathlib import Path

from am4cm_cli.datasets.pixels import PreparedIndex
from am4cm_cli.errors import DataError

FEWEST = 3


@dataclass(frozen=True, kw_only=True)
class Rotation:
    """One turn of a cross-validation, as PASTIS's benchmark turns its five folds."""

    train: tuple[int, ...]
    validation: int
    """Scored after every epoch; the epoch to keep is chosen by it."""
    test: int
    """Scored once, at the end."""

    @property
    def name(self) -> int:
        """The first fold to train on."""
        return self.train[0]


def rotations(folder: Path, index: PreparedIndex) -> dict[int, Rotation]:
    """Every turn of the folds that have series, by its first fold to train on.

    Of F folds, F - 2 in a row are trained on, the next is for validation and the one after it for
    testing; after the last fold comes the first.

    Raises:
        DataError: fewer than three folds have series, or those to train on have fewer than two.
    """
    counts = {fold: n for fold, n in zip(index.folds, index.series, strict=True) if n}
    folds = tuple(counts)
    if len(folds) < FEWEST:
        raise DataError(
            f"{folder}: found {len(folds)} folds with series ({_listed(folds)}), expected at least "
            f"{FEWEST}: to train, validate and test on. Prepare more folds, more fields or smaller "
            "blocks."
        )
    found = {}
    for place, name in enumerate(folds):
        *train, validation, test = folds[place:] + folds[:place]
        if sum(counts[fold] for fold in train) < 2:
            raise DataError(f"{folder}: fold {name} has a single series. Prepare more pixels.")
        found[name] = Rotation(train=tuple(train), validation=validation, test=test)
    return found


def rotation(folder: Path, index: PreparedIndex, fold: int) -> Rotation:
    """The turn whose first fold to train on this is.

    Raises:
        DataError: it has no series, or there are too few folds; see `rotations`.
    """
    found = rotations(folder, index)
    if fold not in found:
        raise DataError(
            f"{folder}: no fold {fold} with series; found {_listed(tuple(found))}. Choose --fold "
            "among these."
        )
    return found[fold]


def _listed(folds: tuple[int, ...]) -> str:
    return ", ".join(map(str, folds)) or "none"
