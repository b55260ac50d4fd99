"""Weights that have learned from a reference how far to trust their own probability."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from math import isnan
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rasterio.windows import Window

from am4cm_cli import __version__
from am4cm_cli.answers import judge_window
from am4cm_cli.calibration import AS_IT_IS, Recalibration
from am4cm_cli.classes import SHADOW, TARGETS
from am4cm_cli.errors import DataError
from am4cm_cli.judgement import JointJudge, fit_judge
from am4cm_cli.progress import Track
from am4cm_cli.rasters.cache import bounded_cache
from am4cm_cli.recalibration import Aim, Figures, cross_validate, keep_order
from am4cm_cli.scoring import StackScorer, draw_sample, make_scorer
from am4cm_cli.stacks.stack import Stack
from am4cm_cli.validation.bins import PROBABILITY
from am4cm_cli.validation.choices import ALL, Choice
from am4cm_cli.validation.counts import DateCounts
from am4cm_cli.validation.judging import common_dates, date_notes, judge
from am4cm_cli.validation.matching import Matches
from am4cm_cli.validation.methods import Method, Read
from am4cm_cli.validation.references import Reference
from am4cm_cli.validation.tallies import Tally
from am4cm_cli.weights import Weights

METHOD = "counterfactual"
RECORD = "recalibration"
"""Of the weights' record: where the fit is told of."""


@dataclass(frozen=True, kw_only=True)
class Learned:
    """What was found for one target."""

    line: Recalibration
    dates: int
    """With any clear or target pixel."""
    clear: int
    """Pixels over all dates."""
    target: int
    before: Figures
    """By the stack's own mixture alone."""
    after: Figures
    """On the labels that it was fitted to, so it flatters."""
    held_out: Figures | None
    """Every date by a fit to other dates, for each target by itself; None where there are too few.
    The mixture below is still the whole stack's: it needs no labels."""


@dataclass(frozen=True, kw_only=True)
class Calibrated:
    """Weights with a recalibration, and how it was come by."""

    weights: Weights
    aim: Aim
    reference: str
    kind: str
    targets: Mapping[str, Learned]
    """By name in `classes.TARGETS`."""
    notes: tuple[str, ...]
    """What a user should know, one sentence each."""


def calibrate_weights(
    stack: Stack,
    reference: Reference,
    weights: Weights,
    aim: Aim,
    *,
    targets: tuple[str, ...],
    device: torch.device,
    track: Track = iter,
) -> Calibrated:
    """Fit the probabilities of a stack to a reference; any earlier fit in the weights is replaced.

    The line of a single target serves the other, too, so that cloud stays less likely than
    unusable. The stack is read twice: to fit, and to measure what the mask then is.

    Args:
        stack: that the reference is of.
        reference: on the stack's grid.
        weights: to start from.
        aim: what the fit is for.
        targets: names in `classes.TARGETS`; none for all that the reference tells.
        device: to compute on.
        track: to follow the windows.

    Raises:
        DataError: no date in common, or no clear or target pixel on these.
        StackError: too few scenes can be compared, or a file cannot be read.
        WeightsError: the model cannot mask, or the stack lacks bands that it needs.
    """
    names = [scene.name for scene in stack.scenes]
    dates = common_dates(names, str(stack.source), reference)
    scorer = make_scorer(stack, weights, METHOD, device=device)
    plain = _fit_plain(scorer, weights)
    raw = _tally(scorer, plain, reference, dates, track)
    told = _told(raw["cloud"])
    before = {target: _counts(raw[target], target) for target in targets or told}
    _check(reference, before)
    lines = _lines({target: aim.fit(counts.counts) for target, counts in before.items()})
    final = _tally(scorer, _moved(plain, lines), reference, dates, track)
    learned = {
        target: _learned(counts, _counts(final[target], target), lines[target], aim)
        for target, counts in before.items()
    }
    found = Calibrated(
        weights=weights,
        aim=aim,
        reference=reference.source,
        kind=reference.kind,
        targets=learned,
        notes=(*date_notes(str(stack.source), reference, dates), *_target_notes(learned, told)),
    )
    return replace(found, weights=_with(weights, lines, _record(found, stack)))


def _fit_plain(scorer: StackScorer, weights: Weights) -> JointJudge:
    """The judge of a stack as if the weights had never seen a reference."""
    with bounded_cache():
        sample = draw_sample(scorer)
    calibration = replace(weights.calibration, cloud=AS_IT_IS, unusable=AS_IT_IS)
    dates = int(sample.answered.sum())
    fitted = fit_judge(sample.evidence, calibration, METHOD, dates=dates)
    assert isinstance(fitted, JointJudge)
    return fitted


def _tally(
    scorer: StackScorer, judged: JointJudge, reference: Reference, dates: Matches, track: Track
) -> dict[str, Tally]:
    """Count by target what a judge says of the dates that both have."""
    names = [scene.name for scene in scorer.stack.scenes]
    places = [names.index(here) for here, _ in dates.pairs]

    # Both targets ask for the same window one after the other.
    @lru_cache(maxsize=1)
    def both(window: Window) -> dict[str, NDArray[Any]]:
        judgement = judge_window(scorer, judged, window).judgement
        return {target: judgement.probability(target)[places].numpy() for target in TARGETS}

    def reader(target: str) -> Read:
        return lambda window: both(window)[target]

    methods = [Method(name=name, read=reader(name), bins=PROBABILITY) for name in TARGETS]
    there = [there for _, there in dates.pairs]
    tallies = judge(methods, reference, there, scorer.stack.grid.shape, track=track)
    return dict(zip(TARGETS, tallies, strict=True))


def _told(tally: Tally) -> tuple[str, ...]:
    """Without shadows, unusable would be but cloud once more."""
    return tuple(TARGETS) if tally.labels[:, SHADOW].any() else ("cloud",)


def _counts(tally: Tally, target: str) -> DateCounts:
    every = np.ones(len(tally.labels), np.bool_)
    return tally.counts_for(target, Choice(name=ALL, dates=every))


def _check(reference: Reference, found: Mapping[str, DateCounts]) -> None:
    for target, counts in found.items():
        clear, hidden = counts.total.sum(axis=1).tolist()
        if not (clear and hidden):
            raise DataError(
                f"{reference.source}: has {clear:,} clear and {hidden:,} {target} pixels where the "
                "stack has an answer; expected some of each. Give a reference of more dates, or "
                "tell what its numbers mean with --map."
            )


def _lines(fitted: Mapping[str, Recalibration]) -> dict[str, Recalibration]:
    """A line for every target."""
    if len(fitted) == 1:
        (line,) = fitted.values()
        return dict.fromkeys(TARGETS, line)
    cloud, unusable = fitted["cloud"], fitted["unusable"]
    return {"cloud": cloud, "unusable": keep_order(cloud, unusable)}


def _moved(plain: JointJudge, lines: Mapping[str, Recalibration]) -> JointJudge:
    return replace(
        plain, recalibrated_cloud=lines["cloud"], recalibrated_unusable=lines["unusable"]
    )


def _learned(before: DateCounts, after: DateCounts, line: Recalibration, aim: Aim) -> Learned:
    held_out = cross_validate(before.counts, aim)
    clear, target = before.total.sum(axis=1).tolist()
    return Learned(
        line=line,
        dates=int(before.used.sum()),
        clear=clear,
        target=target,
        before=Figures.of(before.total, beta=aim.beta),
        after=Figures.of(after.total, beta=aim.beta),
        held_out=None if held_out is None else Figures.of(held_out, beta=aim.beta),
    )


def _target_notes(learned: Mapping[str, Learned], told: tuple[str, ...]) -> list[str]:
    notes = [
        f"Too few dates to hold some out for {target}: {one.dates}, and without some of them "
        "nothing clear is left, or nothing else. How far the fit carries over is not known."
        for target, one in learned.items()
        if one.held_out is None
    ]
    if "unusable" in set(learned) - set(told):
        notes.append("The reference tells no shadow, so unusable was fitted to cloud alone.")
    if len(learned) == 1:
        (target,) = learned
        notes.append(f"The other probability is moved by the same line as that of {target}.")
    return notes


def _with(
    weights: Weights, lines: Mapping[str, Recalibration], record: Mapping[str, Any]
) -> Weights:
    calibration = replace(weights.calibration, cloud=lines["cloud"], unusable=lines["unusable"])
    return replace(
        weights,
        calibration=calibration,
        record={**weights.record, RECORD: record},
        name="",
        sha256="",
    )


def _record(found: Calibrated, stack: Stack) -> dict[str, Any]:
    """How the fit came about, as JSON values; names of files without their folders."""
    return {
        "am4cm": __version__,
        "weights": found.weights.name,
        "weights_sha256": found.weights.sha256,
        "stack": Path(str(stack.source)).name,
        "reference": Path(found.reference).name,
        "kind": found.kind,
        "fit": found.aim.words,
        "targets": {target: _defined(asdict(one)) for target, one in found.targets.items()},
    }


def _defined(value: Any) -> Any:
    """JSON has no NaN: None in its place."""
    if isinstance(value, dict):
        return {name: _defined(one) for name, one in value.items()}
    return None if isinstance(value, float) and isnan(value) else value
