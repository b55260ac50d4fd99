"""What becomes of the mask when one thing about it is changed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import parts
import supports
from measuring import Marks, Probabilities, asking, mark
from numpy.typing import NDArray
from series import FOUR, SIX, Library, Series
from variants import Variant, ask_parts

from am4cm_cli.scores import CounterfactualConfig
from am4cm_cli.weights import Weights

Found = dict[str, Marks]
"""By row."""
WIDTHS, SHARPNESSES, ROUNDS = (15.0, 40.0), (3.0, 8.0), (1, 2, 5)
HIDDEN = (0.3, 0.6)
FEW = (5, 8, 12, 20, 40)
"""Dates of a stack."""


def ablate(library: Library, weights: Weights) -> dict[str, Found]:
    """Every table of ablations by name; the first row of each is the mask."""
    whole = mark(asking(Variant(), weights), library)
    tables = {
        "evidence": evidence(),
        "clear_sky": clear_sky(),
        "neighbours": neighbours(),
        "support": support(),
    }
    found = {
        name: {"the mask": whole} | {one.name: mark(asking(one, weights), library) for one in table}
        for name, table in tables.items()
    }
    found["hidden"] = {"the mask": whole} | dict(hidden(library, weights))
    found["bands"] = {"the mask, all there are": whole} | dict(bands(library, weights))
    found["length"] = {"the mask, whole series": whole} | dict(lengths(library, weights))
    return found


def evidence() -> list[Variant]:
    """What is joined. A: attention drop, B: blue, N: NIR, S: SWIR."""
    shadow = parts.dark
    return [
        Variant(name="A", cloud=parts.drop, unusable=parts.drop),
        Variant(name="B", cloud=parts.blue, unusable=parts.blue),
        Variant(name="A + B", unusable=parts.both),
        Variant(
            name="B; max(B, min(N, S))",
            cloud=parts.blue,
            unusable=parts.largest(parts.blue, shadow),
        ),
        Variant(
            name="A; max(A, min(N, S))",
            cloud=parts.drop,
            unusable=parts.largest(parts.drop, shadow),
        ),
        Variant(
            name="max(A, B); max(A, B, min(N, S))",
            cloud=parts.either,
            unusable=parts.largest(parts.either, shadow),
        ),
        Variant(
            name="A + B; max(A, A + B, min(N, S))",
            unusable=parts.largest(parts.drop, parts.both, shadow),
        ),
        Variant(
            name="A + B; max(A + B, mean(N, S))",
            unusable=parts.largest(parts.both, parts.dark_mean),
        ),
        Variant(name="A + B; max(A + B, N)", unusable=parts.largest(parts.both, parts.nir_alone)),
        Variant(name="A + B; max(A + B, S)", unusable=parts.largest(parts.both, parts.swir_alone)),
        Variant(name="the mask without its rule for snow", keeps_snow=False),
    ]


def clear_sky() -> list[Variant]:
    """How the clear sky is estimated."""
    configs = {
        **{f"kernel of {width:g} days": {"width": width} for width in WIDTHS},
        **{f"sharpness {value:g}": {"sharpness": value} for value in SHARPNESSES},
        **{f"{n} round{'s' * (n > 1)}": {"rounds": n} for n in ROUNDS},
    }
    return [
        Variant(name=name, config=CounterfactualConfig(**change))
        for name, change in configs.items()
    ]


def neighbours() -> list[Variant]:
    """Which dates are asked."""
    return [
        Variant(name="past dates only", neighbours=past),
        Variant(name="future dates only", neighbours=future),
    ]


def past(days: NDArray[np.int64]) -> NDArray[np.float64]:
    """Only dates before."""
    return (days[None, :] < days[:, None]).astype(np.float64)


def future(days: NDArray[np.int64]) -> NDArray[np.float64]:
    """Only dates after."""
    return (days[None, :] > days[:, None]).astype(np.float64)


def support() -> list[Variant]:
    """What stands around a pixel."""
    return [
        Variant(name="each pixel alone", support=supports.alone),
        Variant(name="median of 3 x 3", support=supports.median_3),
        Variant(name="mean of 5 x 5", support=supports.mean_5),
    ]


def hidden(library: Library, weights: Weights) -> Iterator[tuple[str, Marks]]:
    """Observations missing at random."""
    ask = asking(Variant(), weights)
    for share in HIDDEN:
        yield (
            f"{share:.0%} of observations hidden".replace("%", " %"),
            mark(lambda series, share=share: ask(series.hidden(share)), library),
        )


def bands(library: Library, weights: Weights) -> Iterator[tuple[str, Marks]]:
    """Fewer bands, for the mask and for the drop."""
    for variant in (Variant(), Variant(name="the drop alone", method="drop")):
        ask = asking(variant, weights)
        for kept in (SIX, FOUR):
            row = f"{variant.name}, {' '.join(kept)}"
            yield row, mark(lambda series, ask=ask, kept=kept: ask(near(series, kept)), library)


def near(series: Series, kept: tuple[str, ...]) -> Series:
    """On some bands, with B8A where there is no B08, as in vosges-theia."""
    there = "B8A" if "B08" not in series.bands else "B08"
    return series.on([there if band == "B08" else band for band in kept])


def lengths(library: Library, weights: Weights) -> Iterator[tuple[str, Marks]]:
    """Stacks of few dates: consecutive ones, and ones spread over the series."""
    for count in FEW:
        for name, split in (("in a row", in_a_row), ("spread out", spread_out)):

            def ask(series: Series, count: int = count, split: object = split) -> Probabilities:
                return ask_parts(Variant(), series, weights, split(len(series.days), count))

            yield f"{count} dates {name}", mark(ask, library)


def in_a_row(dates: int, count: int) -> list[NDArray[np.int64]]:
    """Cut T dates into stacks of about `count` that follow each other."""
    return np.array_split(np.arange(dates), max(1, round(dates / count)))


def spread_out(dates: int, count: int) -> list[NDArray[np.int64]]:
    """Deal T dates out to stacks of about `count`."""
    stacks = max(1, round(dates / count))
    return [np.arange(first, dates, stacks) for first in range(stacks)]
