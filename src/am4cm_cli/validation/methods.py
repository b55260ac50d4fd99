"""What is compared: anything that gives every pixel and date a score."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from am4cm_cli.classes import TARGETS, UNKNOWN
from am4cm_cli.rasters.masks import MaskFile, read_numbers
from am4cm_cli.validation.bins import PERCENT, PROBABILITY, Bins
from am4cm_cli.validation.matching import match
from am4cm_cli.validation.references import Reference

MASK = "mask"
ALWAYS = "always flag"

Read = Callable[[Window], NDArray[np.floating]]
"""(T, Y, X) scores of a window over the dates compared, NaN for no answer."""


@dataclass(frozen=True, kw_only=True)
class Method:
    """A way to tell clear from not clear."""

    name: str
    read: Read = field(repr=False)
    bins: Bins = field(repr=False)
    targets: tuple[str, ...] = tuple(TARGETS)
    """Those of `classes.TARGETS` that these scores are for."""
    is_probability: bool = True
    """If not, it is given the threshold with the highest F1 against the reference itself."""


def mask_method(mask: MaskFile, names: Sequence[str]) -> Method:
    """A mask itself, on some of its dates."""
    places = [mask.names.index(name) for name in names]

    def read(window: Window) -> NDArray[np.floating]:
        numbers, valid = read_numbers(mask, window)
        share = numbers[places] / np.float64(mask.full)
        return np.where(valid[places], share, np.nan)

    return Method(name=MASK, read=read, bins=PERCENT if mask.full == 100 else PROBABILITY)


def always_flag(dates: int) -> Method:
    """Everything is cloud: what a score without any skill is worth here."""

    def read(window: Window) -> NDArray[np.floating]:
        return np.ones((dates, window.height, window.width))

    return Method(name=ALWAYS, read=read, bins=PERCENT)


def class_methods(name: str, classes: Reference, names: Sequence[str]) -> list[Method]:
    """Hard classes as a probability of 0 or 1, for each target one.

    Args:
        name: to show.
        classes: of the rival, such as SCL; unknown counts as no answer.
        names: dates compared; no answer where the rival has no such date.
    """
    there = dict(match(names, classes.names).pairs)

    def reader(kinds: tuple[int, ...]) -> Read:
        def read(window: Window) -> NDArray[np.floating]:
            shape = window.height, window.width
            return np.stack(
                [
                    _hard(classes.read(there[date], window), kinds)
                    if date in there
                    else np.full(shape, np.nan)
                    for date in names
                ]
            )

        return read

    return [
        Method(name=name, read=reader(kinds), bins=PERCENT, targets=(target,))
        for target, kinds in TARGETS.items()
    ]


def _hard(classes: NDArray[np.uint8], kinds: tuple[int, ...]) -> NDArray[np.float64]:
    return np.where(classes == UNKNOWN, np.nan, np.isin(classes, kinds).astype(np.float64))
