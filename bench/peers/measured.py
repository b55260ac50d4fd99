"""Speed and memory as speed.py left them, and what machine and versions they are of."""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np

from am4cm_cli import __version__
from am4cm_cli.weights import load_weights
from am4cm_cli.weights_header import default_weights

MASK_DATES = 30
"""Of `large`, as am4cm is given it."""
SIDE = 512
"""Pixels of `large`."""


@dataclass(frozen=True, kw_only=True)
class Speed:
    """One program over all turns."""

    name: str
    rates: Sequence[float]
    """Pixel-dates a second, by turn."""
    peak: float
    """Bytes, the highest of the turns; NaN where not of interest."""


def speeds(build: Path) -> list[Speed]:
    """Read every program's turns, am4cm first."""
    peers = build / "peers"
    runs = json.loads((peers / "speed.json").read_text())
    peak = {name: max(turn["peak"] for turn in turns) for name, turns in runs.items()}
    whole = [MASK_DATES * SIDE**2 / turn["seconds"] for turn in runs["am4cm"]]
    turns = range(len(whole))
    own = [json.loads((peers / f"large-am4cm-{turn}.json").read_text()) for turn in turns]
    found = {
        (name, key): [_rate(peers / f"large-{name}-{turn}.npz", key) for turn in turns]
        for name, key in (("s2cloudless", "seconds"), ("ukis", "seconds"), ("ukis", "seconds_30m"))
    }
    arrays = [one["pixel_dates"] / one["seconds"] for one in own]
    nothing = float("nan")
    return [
        Speed(name="`am4cm mask`, the whole process", rates=whole, peak=peak["am4cm"]),
        Speed(name="am4cm, computing alone", rates=arrays, peak=nothing),
        Speed(
            name="s2cloudless, mask by default, computing alone",
            rates=found["s2cloudless", "seconds"],
            peak=peak["s2cloudless"],
        ),
        Speed(
            name="ukis-csmask, pixels as they are, computing alone",
            rates=found["ukis", "seconds"],
            peak=peak["ukis"],
        ),
        Speed(
            name="ukis-csmask, at 30 m, computing alone",
            rates=found["ukis", "seconds_30m"],
            peak=nothing,
        ),
    ]


def machine() -> str:
    """Cores, processor, memory and Python."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} cores of {_processor()}, {memory:.0f} GB, no GPU used; "
        f"Python {platform.python_version()}"
    )


def versions(build: Path) -> Mapping[str, str]:
    """Of every program."""
    weights = load_weights(default_weights())
    with (
        np.load(build / "s2cloudless.npz") as forest,
        np.load(build / "peers" / "flanders-2018-ukis.npz") as network,
    ):
        theirs = {"s2cloudless": str(forest["version"]), "ukis-csmask": str(network["version"])}
    own = f"{__version__} with {weights.name} ({weights.sha256[:8]}), torch {version('torch')}"
    return {"am4cm": own, **theirs}


def _rate(path: Path, key: str) -> float:
    with np.load(path) as file:
        return float(len(file[key]) * SIDE**2 / file[key].sum())


def _processor() -> str:
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text().splitlines() if facts.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
