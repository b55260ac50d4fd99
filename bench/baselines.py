"""What a linear model and a random forest reach on the series that am4cm train learns from.

    python bench/baselines.py prepared --fold 1

Both see each series interpolated, clouds and all, onto one calendar of days. They train on the
same folds as `am4cm train --fold k`, on a random part of their series, and are scored on all
series of the same test fold; the fold between, which validates the network, is not used.
Without --fold, every rotation runs and the counts of all test folds are added up.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from sklearn.base import ClassifierMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from am4cm_cli.datasets.pixels import NODATA, SCALE, PixelSeries, open_fold, read_index
from am4cm_cli.metrics import Confusion
from am4cm_cli.training.rotations import Rotation, rotation, rotations

CHUNK = 20_000
"""Series interpolated at a time."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """How to make the baselines."""

    series: int
    """Most to train on."""
    step: int
    """Days between features."""
    trees: int
    seed: int


@dataclass(frozen=True, kw_only=True)
class Samples:
    """Series as a classifier of scikit-learn wants them."""

    features: NDArray[np.float32]
    """(P, G * B) reflectance on G days."""
    target: NDArray[np.int16]
    """(P,)"""


def season_days(series: PixelSeries, calendar: int) -> NDArray[np.int64]:
    """(T,) days of one calendar since 1 January of the year in which it begins.

    So sites of different years meet in the same season.
    """
    start, end = series.calendar_start[calendar : calendar + 2]
    days = np.asarray(series.days[start:end], np.int64)
    year = days[0].astype("datetime64[D]").astype("datetime64[Y]").astype("datetime64[D]")
    return days - year.astype(np.int64)


def common_days(parts: Sequence[PixelSeries], *, step: int) -> NDArray[np.int64]:
    """(G,) every so many days from the first day of any series to the last of any."""
    calendars = [
        season_days(part, calendar)
        for part in parts
        for calendar in range(len(part.calendar_start) - 1)
    ]
    first = min(days.min() for days in calendars)
    return np.arange(first, max(days.max() for days in calendars) + step, step)


def interpolate(
    reflectance: NDArray[np.float32],
    valid: NDArray[np.bool_],
    days: NDArray[np.int64],
    wanted: NDArray[np.int64],
) -> NDArray[np.float32]:
    """Linear between the observed dates, level before the first and after the last.

    Args:
        reflectance: (P, T, B).
        valid: (P, T), at least one date in each series.
        days: (T,), rising.
        wanted: (G,).

    Returns:
        (P, G, B).
    """
    dates = np.arange(len(days))
    before = np.maximum.accumulate(np.where(valid, dates, -1), axis=1)
    after = np.minimum.accumulate(np.where(valid, dates, len(days))[:, ::-1], axis=1)[:, ::-1]
    # Column 0 stands for the time before the first date, the last for that after the last.
    left = np.pad(before, ((0, 0), (1, 0)), constant_values=-1)
    right = np.pad(after, ((0, 0), (0, 1)), constant_values=len(days))
    gap = np.searchsorted(days, wanted, side="right")
    left, right = left[:, gap], right[:, gap]
    left, right = np.where(left < 0, right, left), np.where(right == len(days), left, right)
    span = days[right] - days[left]
    weight = ((wanted - days[left]) / np.where(span > 0, span, 1)).clip(0, 1)[..., None]
    rows = np.arange(len(valid))[:, None]
    return (reflectance[rows, left] * (1 - weight) + reflectance[rows, right] * weight).astype("f4")


def features(
    series: PixelSeries, chosen: NDArray[np.int64], wanted: NDArray[np.int64]
) -> NDArray[np.float32]:
    """(P, G * B) of (P,) chosen series, in their order."""
    found = np.empty((len(chosen), len(wanted), series.reflectance.shape[1]), np.float32)
    start = series.start
    for calendar in np.unique(series.calendar[chosen]):
        days = season_days(series, calendar)
        places = np.flatnonzero(series.calendar[chosen] == calendar)
        rows = start[chosen[places], None] + np.arange(len(days))
        stored = series.reflectance[rows]
        valid = stored[..., 0] != NODATA
        found[places] = interpolate(stored * np.float32(SCALE), valid, days, wanted)
    return found.reshape(len(chosen), -1)


def training_samples(
    parts: Sequence[PixelSeries], wanted: NDArray[np.int64], *, most: int, seed: int
) -> Samples:
    """A random part of the series of several folds, or all where there are no more."""
    ends = np.cumsum([len(part.target) for part in parts])
    drawn = np.random.default_rng(seed).permutation(ends[-1])[:most]
    chosen = [
        np.sort(drawn[(drawn >= end - len(part.target)) & (drawn < end)]) - (end - len(part.target))
        for part, end in zip(parts, ends, strict=True)
    ]
    pairs = list(zip(parts, chosen, strict=True))
    return Samples(
        features=np.concatenate([features(part, index, wanted) for part, index in pairs]),
        target=np.concatenate([part.target[index] for part, index in pairs]),
    )


def in_chunks(part: PixelSeries, wanted: NDArray[np.int64]) -> Iterator[Samples]:
    """All series of a fold, a few at a time."""
    for first in range(0, len(part.target), CHUNK):
        chosen = np.arange(first, min(first + CHUNK, len(part.target)))
        yield Samples(features=features(part, chosen, wanted), target=part.target[chosen])


def classifiers(*, trees: int, seed: int) -> dict[str, ClassifierMixin]:
    """Both baselines, untrained."""
    return {
        "linear": make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)),
        "random forest": RandomForestClassifier(trees, n_jobs=-1, random_state=seed),
    }


def score(model: ClassifierMixin, test: Iterator[Samples], *, classes: int) -> Confusion:
    """Predict every series once and count."""
    total = Confusion(np.zeros((classes, classes), np.int64))
    for samples in test:
        predicted = model.predict(samples.features)
        total += Confusion.of(samples.target, predicted, classes=classes)
    return total


def measure(data: Path, turn: Rotation, options: Options, table: Table) -> dict[str, Confusion]:
    """Train and score both baselines on one rotation, with a row each in the table."""
    index = read_index(data)
    parts = [open_fold(data, number) for number in turn.train]
    wanted = common_days(parts, step=options.step)
    samples = training_samples(parts, wanted, most=options.series, seed=options.seed)
    found = {}
    for name, model in classifiers(trees=options.trees, seed=options.seed).items():
        begun = perf_counter()
        model.fit(samples.features, samples.target)
        test = in_chunks(open_fold(data, turn.test), wanted)
        found[name] = score(model, test, classes=len(index.classes))
        seconds = f"{perf_counter() - begun:.0f}"
        add_row(table, name, found[name], str(turn.test), f"{len(samples.target):,}", seconds)
    return found


def add_row(
    table: Table, name: str, found: Confusion, fold: str, trained_on: str, seconds: str
) -> None:
    """One line of the answer."""
    scores = f"{found.accuracy:.4f}", f"{found.mean_iou:.4f}"
    table.add_row(name, fold, trained_on, f"{found.counts.sum():,}", *scores, seconds)


def main(
    data: Annotated[Path, typer.Argument(help="Folder made by am4cm prepare.")],
    fold: Annotated[int | None, typer.Option(help="First training fold; all if none.")] = None,
    series: Annotated[int, typer.Option(min=2, help="Most series to train on.")] = 50_000,
    step: Annotated[int, typer.Option(min=1, help="Days between features.")] = 10,
    trees: Annotated[int, typer.Option(min=1, help="Of the forest.")] = 200,
    seed: Annotated[int, typer.Option(min=0, help="Of the draw and the forest.")] = 0,
) -> None:
    """Print overall accuracy and mean IoU of both baselines."""
    index = read_index(data)
    turns = [*rotations(data, index).values()] if fold is None else [rotation(data, index, fold)]
    options = Options(series=series, step=step, trees=trees, seed=seed)
    table = Table("model", "test fold", "trained on", "tested on", "OA", "mIoU", "seconds")
    found = [measure(data, turn, options, table) for turn in turns]
    if len(found) > 1:
        for name in found[0]:
            counts = sum(by_name[name].counts for by_name in found)
            add_row(table, name, Confusion(counts), "all", "", "")
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
