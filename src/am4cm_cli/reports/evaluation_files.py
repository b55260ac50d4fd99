"""How good a mask is, for machines: JSON and CSV."""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from io import StringIO
from math import isnan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from am4cm_cli import __version__
from am4cm_cli.rasters.masks import MaskFile
from am4cm_cli.validation.curves import Curves
from am4cm_cli.validation.evaluating import Evaluation
from am4cm_cli.validation.facts import Board, Drawn
from am4cm_cli.validation.intervals import DRAWS, SEED
from am4cm_cli.validation.measures import MEASURES
from am4cm_cli.validation.unlabelled import Unlabelled

POINTS = 200
"""Of a curve, at most."""


def evaluation_facts(found: Evaluation) -> dict[str, Any]:
    """Everything, as JSON values; None for what is undefined."""
    facts = {
        **_run(found.mask),
        "reference": found.reference,
        "kind": found.kind,
        "dates": list(found.dates),
        "without": list(found.without),
        "intervals": {"draws": DRAWS, "seed": SEED, "share": 0.95, "resampled": "dates"},
        "notes": list(found.notes),
        "targets": {board.target: _board(board) for board in found.boards},
    }
    cleaned: dict[str, Any] = _clean(facts)
    return cleaned


def unlabelled_facts(mask: MaskFile, found: Unlabelled) -> dict[str, Any]:
    """Everything, as JSON values; None for what is undefined."""
    cleaned: dict[str, Any] = _clean({**_run(mask), "reference": None, **asdict(found)})
    return cleaned


def to_json(facts: Mapping[str, Any]) -> str:
    """One text, ended by a new line."""
    return json.dumps(facts, indent=1, allow_nan=False) + "\n"


def dates_csv(found: Evaluation) -> str:
    """A row per date and target; empty for what is undefined."""
    text = StringIO()
    names = ["date", "target", "clear", "flagged", "unused", "false_alarms", "missed", "wrong"]
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*names, *MEASURES])
    for board in found.boards:
        for row in board.dates:
            facts = {**asdict(row), "target": board.target}
            cells = [facts[name] for name in names] + [row.values[name] for name in MEASURES]
            writer.writerow("" if _undefined(cell) else cell for cell in cells)
    return text.getvalue()


def _run(mask: MaskFile) -> dict[str, Any]:
    return {"am4cm": __version__, "mask": str(mask.path), "tags": dict(mask.tags)}


def _board(board: Board) -> dict[str, Any]:
    return {
        "rows": [asdict(row) for row in board.rows],
        "differences": [asdict(one) for one in board.differences],
        "thresholds": list(board.thresholds),
        "dates": [asdict(row) for row in board.dates],
        "curves": {drawn.method: _drawn(drawn) for drawn in board.drawn},
    }


def _drawn(drawn: Drawn) -> dict[str, Any]:
    return {**thinned(drawn.curves), "reliability": drawn.reliability}


def thinned(curves: Curves) -> dict[str, list[float]]:
    """At most POINTS points of curves, both ends among them, where anything changes."""
    # What is undefined differs from everything, itself too, so a curve without sense stays whole.
    moved = (np.diff(curves.false_alarm, append=np.inf) != 0) | (
        np.diff(curves.recall, append=np.inf) != 0
    )
    places = np.flatnonzero(moved)
    chosen = places[np.unique(np.linspace(0, len(places) - 1, POINTS).astype(int))]
    lines: Mapping[str, NDArray[np.float64]] = {
        "false_alarm": curves.false_alarm,
        "recall": curves.recall,
        "precision": curves.precision,
    }
    return {name: line[chosen].tolist() for name, line in lines.items()}


def _clean(value: Any) -> Any:
    """NaN to None, at any depth."""
    if isinstance(value, Mapping):
        return {key: _clean(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_clean(item) for item in value]
    return None if _undefined(value) else value


def _undefined(value: object) -> bool:
    return isinstance(value, float) and isnan(value)
