"""What tallies say: a row per method and choice of pixels, for each target."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np

from am4cm_cli.classes import SHADOW, TARGETS
from am4cm_cli.validation.choices import ALL, MIXED, Choice, choices
from am4cm_cli.validation.counts import DateCounts
from am4cm_cli.validation.curves import curves
from am4cm_cli.validation.facts import Board, DateRow, Difference, Drawn, Row, Value
from am4cm_cli.validation.intervals import Resampling
from am4cm_cli.validation.measures import (
    best_threshold,
    measure,
    measure_all,
    ratio,
    reaches,
    reliability,
    threshold_table,
)
from am4cm_cli.validation.methods import Method
from am4cm_cli.validation.tallies import Tally

COMPARED = ("f1", "auc")
"""Measures whose paired difference is told."""


def scoreboards(
    methods: Sequence[Method],
    tallies: Sequence[Tally],
    names: Sequence[str],
    *,
    own: str,
    without: Collection[str] = (),
) -> list[Board]:
    """Measure everything, for the mask's own target first.

    A reference without any shadow cannot tell unusable from cloud; then cloud alone is scored.

    Args:
        methods: the mask first.
        tallies: theirs, on the same pixels.
        names: of the T dates.
        own: target that the mask's probability is of.
        without: names of dates to leave out in rows of their own.
    """
    told = choices(tallies[0].labels, names=names, without=without)
    has_shadow = tallies[0].counts[:, SHADOW].any()
    targets = sorted(TARGETS, key=lambda target: target != own) if has_shadow else ["cloud"]
    pairs = list(zip(methods, tallies, strict=True))
    return [_board(target, _set(pairs, target), told, names) for target in targets]


Rivals = dict[str, Tally]
"""By name, the mask first."""


def _set(pairs: Sequence[tuple[Method, Tally]], target: str) -> Rivals:
    """Those that score a target, each with its threshold."""
    return {
        method.name: _with_threshold(found, target)
        for method, found in pairs
        if target in method.targets
    }


def _with_threshold(found: Tally, target: str) -> Tally:
    if found.is_probability:
        return found
    every = Choice(name=ALL, dates=np.ones(len(found.labels), np.bool_))
    return replace(found, threshold=best_threshold(found.counts_for(target, every)))


def _board(target: str, rivals: Rivals, told: Sequence[Choice], names: Sequence[str]) -> Board:
    every = told[0]
    mask = next(iter(rivals.values()))
    counts = mask.counts_for(target, every)
    scored = _scored(target, rivals, told)
    return Board(
        target=target,
        rows=[_row(one) for one in scored],
        differences=_differences(scored),
        thresholds=threshold_table(counts),
        dates=_date_rows(counts, mask, names),
        drawn=[_draw(name, found.counts_for(target, every)) for name, found in rivals.items()],
    )


@dataclass(frozen=True, kw_only=True)
class Scored:
    """One method on one choice of pixels."""

    method: str
    choice: str
    counts: DateCounts
    resampling: Resampling


def _scored(target: str, rivals: Rivals, told: Sequence[Choice]) -> list[Scored]:
    """Choice by choice, the mask first; one without any pixel to flag is left out."""
    found = [
        (name, choice.name, rival.counts_for(target, choice))
        for choice in told
        if choice.kinds is None or set(choice.kinds) <= set(TARGETS[target])
        for name, rival in rivals.items()
    ]
    return [
        Scored(method=name, choice=choice, counts=counts, resampling=Resampling.of(counts))
        for name, choice, counts in found
        if counts.total[1].any()
    ]


def _row(scored: Scored) -> Row:
    counts, limits = scored.counts, scored.resampling.interval()
    clear, flagged = counts.total.sum(axis=1).tolist()
    return Row(
        method=scored.method,
        choice=scored.choice,
        dates=scored.resampling.dates,
        clear=clear,
        flagged=flagged,
        threshold=counts.threshold,
        values={key: _value(value, *limits[key]) for key, value in scored.resampling.whole.items()},
    )


def _differences(scored: Sequence[Scored]) -> list[Difference]:
    """The mask against each rival, on all dates and on mixed ones, with and without the named."""
    masks = {one.choice: one for one in scored if one.method == scored[0].method}
    return [
        Difference(choice=one.choice, baseline=one.method, measure=key, value=_value(*ahead[key]))
        for one in scored
        if one.choice.startswith((ALL, MIXED)) and one.method != scored[0].method
        for ahead in [masks[one.choice].resampling.ahead_of(one.resampling)]
        for key in COMPARED
    ]


def _date_rows(counts: DateCounts, mask: Tally, names: Sequence[str]) -> list[DateRow]:
    above = reaches(counts.values, counts.threshold)
    pixels = counts.counts.sum(axis=-1)
    alarms = counts.counts[:, 0, above].sum(axis=-1)
    missed = counts.counts[:, 1, ~above].sum(axis=-1)
    wrong = ratio((alarms + missed).astype(np.float64), pixels.sum(axis=1).astype(np.float64))
    values = measure_all(counts.counts, counts)
    return [
        DateRow(
            date=name,
            clear=int(pixels[t, 0]),
            flagged=int(pixels[t, 1]),
            unused=mask.pixels - int(pixels[t].sum()),
            false_alarms=int(alarms[t]),
            missed=int(missed[t]),
            wrong=float(wrong[t]),
            values={key: float(of_date[t]) for key, of_date in values.items()},
        )
        for t, name in enumerate(names)
    ]


def _draw(name: str, counts: DateCounts) -> Drawn:
    found = measure(counts)
    above = reaches(counts.values, counts.threshold)
    clear = counts.total[0].astype(np.float64)
    return Drawn(
        method=name,
        curves=curves(counts),
        reliability=reliability(counts) if counts.is_probability else {},
        false_alarm=float(ratio(clear[above].sum(), clear.sum())),
        recall=found["recall"],
        precision=found["precision"],
    )


def _value(value: float, low: float, high: float) -> Value:
    return Value(value=value, low=low, high=high)
