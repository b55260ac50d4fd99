"""Small prepared folders with series of two lengths, whose classes can be told apart."""

import numpy as np

from am4cm_cli.datasets.pixels import NODATA, open_fold
from am4cm_cli.datasets.writer import PreparedWriter

BANDS = ("B02", "B04", "B08", "B11")
CLASSES = ("maize", "meadow", "wheat")
LENGTHS = (7, 11)


def write_folds(folder, *, series=40, folds=5, seed=0, bands=BANDS, classes=CLASSES, empty=()):
    """Write `series` series per fold; those in `empty` have none.

    Each class has its own curve over the year; a tenth of the dates is not observed.
    """
    rng = np.random.default_rng(seed)
    calendars = {
        fold: [17_500 + 10 * np.arange(n) + fold for n in LENGTHS] for fold in folds_of(folds)
    }
    folder.mkdir(parents=True, exist_ok=True)
    with PreparedWriter(folder, bands=len(bands), calendars=calendars) as writer:
        for fold in folds_of(folds):
            for calendar, length in enumerate(LENGTHS):
                count = 0 if fold in empty else (series + calendar) // 2
                target = rng.integers(len(classes), size=count)
                writer.add(
                    fold=fold,
                    calendar=calendar,
                    reflectance=curves(rng, target, length, len(bands)),
                    target=target,
                    group=np.full(count, 2 * fold + calendar),
                    pixel=rng.permutation(999)[:count],
                )
        return writer.finish(bands=bands, classes=classes, sources=("made",), grouping="block")


def curves(rng, target, length, bands):
    """(P, T, B) stored reflectance."""
    phase = np.arange(length)[:, None] / 4 + np.arange(bands) + target[:, None, None] * 2
    noise = rng.normal(0, 150, (len(target), length, bands))
    stored = (2000 + 900 * np.sin(phase) + noise).astype(np.int16)
    hidden = rng.random((len(target), length)) < 0.1
    hidden[:, 0] = False
    stored[hidden] = NODATA
    return stored


def folds_of(folds):
    return range(1, folds + 1)


def parts_of(folder, *folds):
    return [open_fold(folder, fold) for fold in folds]
