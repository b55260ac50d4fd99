"""The series of the study, whole and in memory, with what each pixel is held to show."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from am4cm_cli.classes import CLEAR, UNKNOWN
from am4cm_cli.rasters.reading import read_window
from am4cm_cli.sensors import BAND_METRES
from am4cm_cli.stacks.discovery import find_stack
from am4cm_cli.stacks.options import StackOptions
from am4cm_cli.stacks.stack import Stack
from am4cm_cli.validation.references import Reference, read_reference
from am4cm_cli.weights import Weights

VOSGES_CLEAR = Path(__file__).parents[1] / "vosges_clear.csv"
SIMULATED = {"sen2cor": 7, "theia": 17}
"""Product chain and seed of the simulated stacks."""
SIMULATED_DATES = 48
SIMULATED_SIDE = 128
SIX = ("B02", "B03", "B04", "B8A", "B11", "B12")
FOUR = ("B02", "B03", "B04", "B08")


@dataclass(frozen=True, kw_only=True)
class Series:
    """One series as the weights see it."""

    name: str
    names: tuple[str, ...]
    """(T,) of the dates."""
    days: NDArray[np.int64]
    """(T,) since 1970-01-01."""
    bands: tuple[str, ...]
    """In the weights' order."""
    reflectance: NDArray[np.float32]
    """(T, B, Y, X), 0 where not valid."""
    valid: NDArray[np.bool_]
    """(T, Y, X)"""
    labels: NDArray[np.uint8]
    """(T, Y, X) of `am4cm_cli.classes`."""

    def at(self, dates: NDArray[np.integer] | Sequence[int]) -> Series:
        """The same with only these dates, in their order."""
        places = np.asarray(dates, np.int64)
        return replace(
            self,
            names=tuple(self.names[t] for t in places),
            days=self.days[places],
            reflectance=self.reflectance[places],
            valid=self.valid[places],
            labels=self.labels[places],
        )

    def on(self, bands: Sequence[str]) -> Series:
        """The same with only these bands."""
        kept = [b for b, band in enumerate(self.bands) if band in bands]
        found = tuple(self.bands[b] for b in kept)
        return replace(self, bands=found, reflectance=self.reflectance[:, kept])

    def hidden(self, share: float, *, seed: int = 0) -> Series:
        """The same with a share of the observations hidden, pixel by pixel at random."""
        hide = np.random.default_rng(seed).random(self.valid.shape) < share
        return self._with(self.valid & ~hide)

    def lifted(self, date: int, offset: float) -> Series:
        """The same with one date's reflectance raised, as a forgotten offset does."""
        reflectance = self.reflectance.copy()
        reflectance[date] += offset * self.valid[date]
        return replace(self, reflectance=reflectance)

    def year(self, year: int) -> NDArray[np.int64]:
        """Places of the dates of a year."""
        return np.flatnonzero([name.startswith(str(year)) for name in self.names])

    def date(self, name: str) -> int:
        """Place of a date by its name."""
        return self.names.index(name)

    def _with(self, valid: NDArray[np.bool_]) -> Series:
        return replace(self, valid=valid, reflectance=self.reflectance * valid[:, None])


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where things are."""

    shared: Path
    build: Path

    @property
    def s2cloudless(self) -> Path:
        """What it says of lazio-l1c."""
        return self.build / "s2cloudless.npz"

    def simulated(self, chain: str) -> Path:
        """Folder of a simulated stack."""
        return self.build / "study" / chain


@dataclass(frozen=True, kw_only=True)
class Library:
    """Every series of the study, each read once."""

    flanders: Series
    """By eye."""
    lazio: Series
    """Where s2cloudless is sure."""
    vosges: Series
    """Clear on the dates judged clear by eye; the rest not known."""
    iberia: tuple[Series, Series]
    """The cubes' own quality."""
    simulated: tuple[Series, Series]
    """Exact."""


def read_library(places: Places, weights: Weights) -> Library:
    """Read all series."""
    shared = places.shared
    flanders = find_stack(shared / "flanders-2018" / "images")
    lazio = find_stack(shared / "lazio-l1c", StackOptions(band_names=tuple(BAND_METRES)))
    iberia = [find_stack(shared / "iberia-4band" / cube) for cube in "01"]
    simulated = {chain: find_stack(places.simulated(chain)) for chain in SIMULATED}
    return Library(
        flanders=_read("flanders-2018", flanders, shared / "flanders-2018" / "eye.npz", weights),
        lazio=_read("lazio-l1c", lazio, places.s2cloudless, weights),
        vosges=_vosges(find_stack(shared / "vosges-theia"), weights),
        iberia=(
            _read("iberia-4band/0", iberia[0], _quality(shared, "0"), weights),
            _read("iberia-4band/1", iberia[1], _quality(shared, "1"), weights),
        ),
        simulated=(
            _read("sen2cor", simulated["sen2cor"], _truth(places, "sen2cor"), weights),
            _read("theia", simulated["theia"], _truth(places, "theia"), weights),
        ),
    )


def clear_by_eye() -> list[str]:
    """Dates of vosges-theia judged clear before any mask was looked at."""
    with VOSGES_CLEAR.open() as file:
        return [row["date"] for row in csv.DictReader(file)]


def _quality(shared: Path, cube: str) -> Path:
    return shared / "iberia-4band" / cube / "quality.npz"


def _truth(places: Places, chain: str) -> Path:
    return places.simulated(chain) / "truth.tif"


def _read(name: str, stack: Stack, reference: Path, weights: Weights) -> Series:
    return _labelled(name, stack, weights, _labels(read_reference(reference, stack.grid), stack))


def _vosges(stack: Stack, weights: Weights) -> Series:
    clear = clear_by_eye()
    kinds = [CLEAR if scene.name in clear else UNKNOWN for scene in stack.scenes]
    labels = np.array(kinds, np.uint8)[:, None, None].repeat(stack.grid.shape[0], axis=1)
    return _labelled("vosges-theia", stack, weights, labels.repeat(stack.grid.shape[1], axis=2))


def _labels(reference: Reference, stack: Stack) -> NDArray[np.uint8]:
    window = Window(0, 0, *reversed(stack.grid.shape))
    nothing = np.full(stack.grid.shape, UNKNOWN, np.uint8)
    known = set(reference.names)
    return np.stack(
        [reference.read(s.name, window) if s.name in known else nothing for s in stack.scenes]
    )


def _labelled(name: str, stack: Stack, weights: Weights, labels: NDArray[np.uint8]) -> Series:
    bands = tuple(band for band in weights.model.config.bands if band in stack.bands)
    window = Window(0, 0, *reversed(stack.grid.shape))
    reflectance, valid = read_window(stack, bands, window)
    # Dates without any observation, which two of these series have, say nothing.
    seen = np.flatnonzero(valid.any(axis=(1, 2)))
    return Series(
        name=name,
        names=tuple(scene.name for scene in stack.scenes),
        days=stack.days,
        bands=bands,
        reflectance=reflectance,
        valid=valid,
        labels=labels,
    ).at(seen)
