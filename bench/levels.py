"""How often a date with a wrong offset is named, and whether any other ever is.

    python bench/levels.py ../shared/data
    python bench/levels.py ../shared/data --simulated site

Each date of a series in turn is raised by 0.1, lowered by 0.1, or lowered and cut off at 0 as
numbers without a sign are, where 0 is a number and where it is nodata. A date is clear where at
least nine tenths of it are: by eye for flanders-2018, by letter for lazio-l1c, by MAJA's mask for
vosges-theia, by the cube's quality for iberia-4band, by the truth of a simulation. Every series is
also given a step: each third of the way through it, all dates from there on raised.
"""

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import rasterio
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from am4cm_cli.levels import StackLevels, find_levels, judge_levels
from am4cm_cli.rasters.reading import read_patches
from am4cm_cli.sensors import BAND_METRES, LAND_BANDS
from am4cm_cli.stacks.discovery import find_stack
from am4cm_cli.stacks.options import StackOptions
from am4cm_cli.stacks.stack import Stack
from am4cm_cli.windows import sample_windows
from am4cm_cli.witnesses import PIXELS, SHIFT, Testimony, hear_pairs
from transfer import maja_mask

CLEAR_SHARE = 0.9


@dataclass(frozen=True, kw_only=True)
class Series:
    """A sample of a stack's pixels, as `am4cm mask` draws it."""

    title: str
    reflectance: NDArray[np.float32]
    """(T, B, P)"""
    valid: NDArray[np.bool_]
    """(T, P)"""
    days: NDArray[np.int64]
    """(T,)"""
    clear: NDArray[np.bool_]
    """(T,) where at least CLEAR_SHARE of the date is."""


def raised(date: NDArray[np.float32]) -> NDArray[np.float32]:
    """The offset is forgotten."""
    return date + np.float32(SHIFT)


def lowered(date: NDArray[np.float32]) -> NDArray[np.float32]:
    """It is applied twice, by software that keeps negative numbers."""
    return date - np.float32(SHIFT)


def lowered_to_0(date: NDArray[np.float32]) -> NDArray[np.float32]:
    """It is applied twice, by software that has none."""
    return np.maximum(lowered(date), 0)


FAULTS: dict[str, Callable[[NDArray[np.float32]], NDArray[np.float32]]] = {
    "raised": raised,
    "lowered": lowered,
    "lowered, cut off at 0": lowered_to_0,
}


def with_fault(series: Series, date: int, fault: str, *, zero_is_nodata: bool = False) -> Series:
    """One date changed."""
    reflectance, valid = series.reflectance.copy(), series.valid.copy()
    reflectance[date] = np.where(valid[date], FAULTS[fault](reflectance[date]), 0)
    if zero_is_nodata:
        valid[date] &= (reflectance[date] > 0).all(axis=0)
        reflectance[date] *= valid[date]
    return replace(series, reflectance=reflectance, valid=valid)


def heard_again(heard: Testimony, series: Series, date: int) -> Testimony:
    """What all pairs say after one date has changed, without comparing the others again."""
    asked, share, rise = heard.asked.copy(), heard.share.copy(), heard.rise.copy()
    for other in np.flatnonzero(heard.asked[date]):
        pair = np.sort([date, other])
        alone = hear_pairs(series.reflectance[pair], series.valid[pair], series.days[pair])
        place = np.ix_(pair, pair)
        asked[place], share[place], rise[place] = alone.asked, alone.share, alone.rise
    return Testimony(asked=asked, share=share, rise=rise)


def named(found: StackLevels) -> set[int]:
    """All that is named, as an odd date or as a step."""
    return {one.index for one in found.odd} | {one.index for one in found.steps}


def fault_row(
    series: Series, heard: Testimony, fault: str, *, zero_is_nodata: bool = False
) -> list[str]:
    """Clear dates named when they have the fault, others named then, and dates wrongly named."""
    right, wrong = np.zeros(len(series.days), bool), 0
    seen = series.valid.any(axis=1)
    for date in np.flatnonzero(seen):
        changed = with_fault(series, date, fault, zero_is_nodata=zero_is_nodata)
        found = named(judge_levels(heard_again(heard, changed, date)))
        right[date] = date in found
        wrong += len(found - {date})
    return [_of(right[series.clear]), _of(right[~series.clear & seen]), str(wrong)]


def step_row(series: Series) -> list[str]:
    """Steps named where they are, as such or by the last date before or the first after."""
    right, wrong = [], 0
    for first in (len(series.days) // 3, 2 * len(series.days) // 3):
        reflectance = series.reflectance.copy()
        reflectance[first:] += np.float32(SHIFT)
        found = find_levels(reflectance, series.valid, series.days)
        (judged,) = np.nonzero(found.judged)
        beside = {int(judged[judged < first].max()), int(judged[judged >= first].min())}
        right.append(bool(named(found) & beside))
        wrong += len(named(found) - beside)
    return [_of(np.array(right)), "", str(wrong)]


def table(series: Series) -> Table:
    """One row for each fault."""
    heard = hear_pairs(series.reflectance, series.valid, series.days)
    found, seen = judge_levels(heard), series.valid.any(axis=1)
    title = (
        f"{series.title}: {seen.sum()} dates, {series.clear.sum()} of them clear, "
        f"{found.judged.sum()} judged; named as they are: {len(named(found))}"
    )
    made = Table("fault", "clear, named", "others, named", "wrongly named", title=title)
    for fault in FAULTS:
        made.add_row(fault, *fault_row(series, heard, fault))
    made.add_row("the same, 0 nodata", *fault_row(series, heard, fault, zero_is_nodata=True))
    made.add_row("step, of two", *step_row(series))
    return made


def _of(hits: NDArray[np.bool_]) -> str:
    return f"{hits.sum()} of {len(hits)}"


def _series(title: str, stack: Stack, clear_share: NDArray[np.floating]) -> Series:
    bands = [band for band in LAND_BANDS if band in stack.bands]
    reflectance, valid = read_patches(stack, bands, sample_windows(stack.grid.shape, side=16))
    every = -(-valid.shape[1] // PIXELS)
    return Series(
        title=title,
        reflectance=reflectance[..., ::every],
        valid=valid[:, ::every],
        days=stack.days,
        clear=(clear_share >= CLEAR_SHARE) & valid.any(axis=1),
    )


def flanders(folder: Path) -> Series:
    """Clear by eye."""
    labels = np.load(folder / "eye.npz")["labels"]
    return _series(folder.name, find_stack(folder), (labels == 0).mean(axis=(1, 2)))


def lazio(folder: Path) -> Series:
    """Clear by letter."""
    stack = find_stack(folder, StackOptions(band_names=tuple(BAND_METRES)))
    with (folder / "visual_datelabels.csv").open() as file:
        letter = {row["date"]: row["label"] for row in csv.DictReader(file)}
    clear = np.array([letter[scene.name] == "C" for scene in stack.scenes])
    return _series(folder.name, stack, clear.astype(float))


def vosges(folder: Path) -> Series:
    """Clear by MAJA, which overflags."""
    stack = find_stack(folder)
    clear = [1 - maja_mask(scene.bands["B02"].path).mean() for scene in stack.scenes]
    return _series(folder.name, stack, np.array(clear))


def iberia(folder: Path) -> Series:
    """Clear by the cube's own quality."""
    good = np.load(folder / "quality.npz")["mask"] == 0
    return _series(f"iberia-4band/{folder.name}", find_stack(folder), good.mean(axis=(1, 2)))


def simulated(folder: Path) -> Series:
    """Clear by the truth."""
    with rasterio.open(folder / "truth.tif") as raster:
        clear = (raster.read() == 0).mean(axis=(1, 2))
    return _series(folder.name, find_stack(folder), clear)


def every_series(shared: Path, folders: Sequence[Path]) -> list[Series]:
    """The shared ones, then the simulated."""
    return [
        flanders(shared / "flanders-2018"),
        lazio(shared / "lazio-l1c"),
        vosges(shared / "vosges-theia"),
        *(iberia(shared / "iberia-4band" / cube) for cube in "01"),
        *map(simulated, folders),
    ]


def main(
    shared: Annotated[Path, typer.Argument(help="Folder of the shared series.")],
    simulations: Annotated[
        list[Path] | None, typer.Option("--simulated", help="Made by am4cm simulate.")
    ] = None,
) -> None:
    """Print a table per series."""
    for series in every_series(shared, simulations or []):
        Console(width=110).print(table(series))


if __name__ == "__main__":
    typer.run(main)
