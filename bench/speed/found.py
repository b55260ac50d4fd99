"""What turns.py and scaling.py left, as rates."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

NAMES = {
    "decode": "decoding the same files, and nothing else",
    "mask": "`am4cm mask`, the whole process, from files to file",
    "arrays": "am4cm, computing on arrays in memory",
    "network": "its network unfolded, attention on arrays in memory",
    "ukis_30m": "ukis-csmask at 30 m, computing on arrays in memory",
    "ukis": "ukis-csmask, computing on arrays in memory",
    "s2cloudless": "s2cloudless, mask by default, computing on arrays in memory",
}
PACKAGES = {"s2cloudless": "s2cloudless", "ukis": "ukis-csmask"}


@dataclass(frozen=True, kw_only=True)
class Timed:
    """One program over all turns."""

    name: str
    rates: Sequence[float]
    """Pixel-dates a second, by turn."""
    peak: float
    """Bytes that its process held at most, over all turns."""


@dataclass(frozen=True, kw_only=True)
class Turns:
    """Everything of one run."""

    made: str
    facts: Mapping[str, Any]
    timed: Mapping[str, Timed]
    """By the keys of NAMES; peers that were not there are missing."""
    stages: Mapping[str, Mapping[str, Sequence[float]]]
    """Of `am4cm mask`, `wall` and `busy`: seconds by stage, by turn."""
    bandwidth: Sequence[float]
    """Bytes a second that a copy reads and writes, by turn."""
    stored: int
    """Bytes of the files that are decoded."""
    versions: Mapping[str, str]
    """Of the peers."""


def read_turns(folder: Path) -> Turns:
    """Read a run of turns.py."""
    found = json.loads((folder / "turns.json").read_text())
    facts, programs = found["facts"], found["programs"]
    pixels = facts["side"] ** 2
    answers = {
        name: [_answer(folder, turn["answer"]) for turn in turns]
        for name, turns in programs.items()
    }
    rates = {name: _rates(each, pixels) for name, each in answers.items() if name in NAMES}
    whole = [facts["dates"] * pixels / turn["seconds"] for turn in programs["mask"]]
    rates["mask"] = whole
    if "ukis" in answers:
        rates["ukis_30m"] = _rates(answers["ukis"], pixels, key="seconds_30m")
    peaks = {name: max(turn["peak"] for turn in turns) for name, turns in programs.items()}
    peaks["ukis_30m"] = float("nan")  # one process does both
    return Turns(
        made=found["made"],
        facts=facts,
        timed={
            name: Timed(name=text, rates=rates[name], peak=peaks[name])
            for name, text in NAMES.items()
            if name in rates
        },
        stages=_stages(answers["stages"]),
        bandwidth=[answer["bytes_per_second"] for answer in answers["copy"]],
        stored=answers["decode"][0]["stored"],
        versions={
            PACKAGES[name]: str(each[0]["version"])
            for name, each in answers.items()
            if name in PACKAGES
        },
    )


def _answer(folder: Path, name: str | None) -> Mapping[str, Any]:
    if name is None:
        return {}
    if name.endswith(".json"):
        answer: dict[str, Any] = json.loads((folder / name).read_text())
        return answer
    with np.load(folder / name) as file:
        kept = [key for key in ("seconds", "seconds_30m", "version") if key in file]
        return {key: file[key] for key in kept}


def _rates(
    answers: Sequence[Mapping[str, Any]], pixels: int, *, key: str = "seconds"
) -> list[float]:
    """Of JSON, which tells its pixel-dates, or of peers' npz, with seconds of each date."""
    return [
        float(answer.get("pixel_dates", np.size(answer[key]) * pixels) / np.sum(answer[key]))
        for answer in answers
        if answer
    ]


def _stages(answers: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, list[float]]]:
    return {
        kind: {stage: [answer[kind][stage] for answer in answers] for stage in answers[0][kind]}
        for kind in ("wall", "busy")
    }


@dataclass(frozen=True, kw_only=True)
class Curve:
    """How a rate goes along an axis."""

    values: Sequence[int]
    rates: Mapping[str, Sequence[Sequence[float]]]
    """Of `decode` and `mask`: pixel-dates a second by value, by turn."""
    peaks: Sequence[float]
    """Bytes that masking held at most, by value."""


def read_scaling(folder: Path) -> dict[str, Curve]:
    """Read a run of scaling.py, by axis."""
    points = json.loads((folder / "scaling.json").read_text())["points"]
    by_axis: dict[str, dict[int, list[Mapping[str, Any]]]] = {}
    for point in points:
        by_axis.setdefault(point["axis"], {}).setdefault(point["value"], []).append(point)
    return {
        axis: Curve(
            values=list(by_value),
            rates={
                name: [
                    [one["pixel_dates"] / one[name] for one in turns] for turns in by_value.values()
                ]
                for name in ("decode", "mask")
            },
            peaks=[max(one["peak"] for one in turns) for turns in by_value.values()],
        )
        for axis, by_value in by_axis.items()
    }
