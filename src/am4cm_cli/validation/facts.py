"""What is told of masks against a reference, as facts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from am4cm_cli.validation.curves import Curves


@dataclass(frozen=True, kw_only=True)
class Value:
    """A measure; NaN where undefined."""

    value: float
    low: float
    high: float
    """Of the 95 % interval over dates."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One method on one choice of pixels."""

    method: str
    choice: str
    dates: int
    """With any pixel of the choice."""
    clear: int
    flagged: int
    """Pixels in the reference."""
    threshold: float
    values: Mapping[str, Value]
    """By name in `measures.MEASURES`."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """How far the mask is ahead of a baseline on the same pixels and dates."""

    choice: str
    baseline: str
    measure: str
    value: Value


@dataclass(frozen=True, kw_only=True)
class DateRow:
    """The mask on one date."""

    date: str
    clear: int
    flagged: int
    """Pixels in the reference."""
    unused: int
    """Pixels unknown to the reference, of no concern to the target, or without a score."""
    false_alarms: int
    missed: int
    wrong: float
    """Share of clear and flagged pixels that are false alarms or missed; NaN without any."""
    values: Mapping[str, float]
    """By name in `measures.MEASURES`."""


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """One method's curves over all dates."""

    method: str
    curves: Curves
    reliability: Mapping[str, Sequence[float]]
    """Empty for a score that is no probability; see `measures.reliability`."""
    false_alarm: float
    recall: float
    precision: float
    """At the threshold."""


@dataclass(frozen=True, kw_only=True)
class Board:
    """Everything about one target."""

    target: str
    """One of `classes.TARGETS`."""
    rows: Sequence[Row]
    differences: Sequence[Difference]
    thresholds: Sequence[Mapping[str, float]]
    """Of the mask, over all dates."""
    dates: Sequence[DateRow]
    drawn: Sequence[Drawn]
