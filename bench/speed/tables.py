"""The tables of docs/performance.md."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from bench.speed.found import Curve, Turns

BYTES = 21
"""Of a pixel-date: ten bands of two bytes in, one byte of percent out."""
AIMS = {"decode": 0.35, "s2cloudless": 40, "ukis": 15}
"""For the whole of `am4cm mask`, by what it is compared with."""


def markdown(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Lay out a table."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join("| " + " | ".join(line) + " |" for line in [head, rule, *lines])


def digits(value: float) -> str:
    """Three digits, or all before the point."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def spread(values: Sequence[float]) -> str:
    """Median, with the least and the most in brackets."""
    middle, least, most = map(digits, (float(np.median(values)), min(values), max(values)))
    return middle if least == most else f"{middle} ({least}-{most})"


def ratio(over: Sequence[float], under: Sequence[float]) -> list[float]:
    """Ratios of the same turns."""
    return [a / b for a, b in zip(over, under, strict=True)]


def megabytes(size: float) -> str:
    """Bytes as MB; nothing where not of interest."""
    return "" if math.isnan(size) else f"{size / 1e6:,.0f} MB"


def millions(rates: Sequence[float]) -> list[float]:
    """Rates in millions."""
    return [rate / 1e6 for rate in rates]


def copy_limit(turns: Turns) -> list[float]:
    """Pixel-dates a second if a mask did no more than read its numbers and write percent."""
    return [rate / BYTES for rate in turns.bandwidth]


def speed_table(turns: Turns) -> str:
    """Rates, how much slower than am4cm, and peak memory."""
    mask, arrays = (turns.timed[name].rates for name in ("mask", "arrays"))
    lines = [
        [
            one.name,
            spread(millions(one.rates)),
            spread(ratio(mask, one.rates)),
            spread(ratio(arrays, one.rates)),
            megabytes(one.peak),
        ]
        for one in turns.timed.values()
    ]
    head = ["", "million pixel-dates a second", "`am4cm mask` over it", "am4cm on arrays over it"]
    return markdown([*head, "peak memory"], lines)


def stages_table(turns: Turns) -> str:
    """Seconds of every stage, as they passed in its threads and of the cores."""
    lines = [
        [stage, spread(seconds), spread(turns.stages["busy"][stage])]
        for stage, seconds in turns.stages["wall"].items()
    ]
    return markdown(["stage", "seconds in all its threads", "seconds of a core"], lines)


def aims_table(turns: Turns) -> str:
    """What was aimed at, and what came out."""
    lines = []
    for name, aim in AIMS.items():
        if name in turns.timed:
            under = turns.timed[name].rates
            whole, arrays = (ratio(turns.timed[own].rates, under) for own in ("mask", "arrays"))
            verdict = "holds" if np.median(whole) >= aim else "missed"
            aimed = f"at least {aim:g}"
            lines.append([turns.timed[name].name, aimed, spread(whole), verdict, spread(arrays)])
    head = ["over the rate of ...", "aim", "`am4cm mask`", "", "am4cm on arrays"]
    return markdown(head, lines)


def limits_table(turns: Turns) -> str:
    """Limits of the machine, and the share of each that a mask reaches."""
    mask = turns.timed["mask"].rates
    limits = {
        "decoding the same files on the same threads": turns.timed["decode"].rates,
        f"copying in memory, {BYTES} bytes a pixel-date": copy_limit(turns),
    }
    lines = [
        [name, spread(millions(rates)), spread(ratio(mask, rates))]
        for name, rates in limits.items()
    ]
    return markdown(["limit", "million pixel-dates a second", "`am4cm mask` over it"], lines)


def scaling_table(curves: Mapping[str, Curve]) -> str:
    """Rates and peak memory along every axis."""
    lines = [
        [
            axis,
            f"{value:,}",
            spread(millions(curve.rates["decode"][place])),
            spread(millions(curve.rates["mask"][place])),
            spread(ratio(curve.rates["mask"][place], curve.rates["decode"][place])),
            megabytes(curve.peaks[place]),
        ]
        for axis, curve in curves.items()
        for place, value in enumerate(curve.values)
    ]
    head = ["axis", "value", "decoding alone", "`am4cm mask`", "ratio", "peak of the mask"]
    return markdown(head, lines)
