"""Simulated L1C beside real L1C of Lazio, band by band, under clear skies and thick cloud.

    python bench/above.py ../shared/data/lazio-l1c

Medians over whole dates: of the real ones those that are called clear (C) or cloudy (K) by eye, of
the simulated ones those that are wholly clear or wholly under thick cloud.
"""

import csv
from collections import defaultdict
from pathlib import Path
from typing import Annotated

import numpy as np
import rasterio
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from am4cm_cli.sensors import BAND_METRES
from am4cm_cli.simulation import SimulationConfig, simulate_scenes
from am4cm_cli.simulation.processors import NO_CORRECTION
from am4cm_cli.stacks.discovery import find_stack
from am4cm_cli.stacks.options import StackOptions

SEEDS = range(3)
SKIES = {"C": "clear", "K": "cloud"}
TRUTH = {0: "clear", 1: "cloud"}
"""Sky by the only number in the truth of a date: 0 clear, 1 thick."""
Medians = dict[str, list[NDArray[np.floating]]]
"""(B,) of each date, by sky."""


def real_medians(folder: Path) -> Medians:
    """Of the dates with one letter or the other."""
    with (folder / "visual_datelabels.csv").open() as file:
        sky = {row["date"]: SKIES.get(row["label"]) for row in csv.DictReader(file)}
    found: Medians = defaultdict(list)
    for scene in find_stack(folder, StackOptions(band_names=tuple(BAND_METRES))).scenes:
        if name := sky[scene.name]:
            with rasterio.open(scene.bands["B02"].path) as raster:
                found[name].append(np.median(raster.read() * 1e-4, axis=(1, 2)))
    return found


def simulated_medians() -> Medians:
    """Of the dates with one sky."""
    found: Medians = defaultdict(list)
    for seed in SEEDS:
        config = SimulationConfig(size=48, dates=40, seed=seed)
        for scene in simulate_scenes(config, processor=NO_CORRECTION):
            first = int(scene.truth.flat[0])
            if first in TRUTH and (scene.truth == first).all():
                found[TRUTH[first]].append(np.median(scene.reflectance, axis=(1, 2)))
    return found


def main(lazio: Annotated[Path, typer.Argument(help="Folder of lazio-l1c.")]) -> None:
    """Print the table."""
    table = Table("", *BAND_METRES)
    origins = {"real": real_medians(lazio), "simulated": simulated_medians()}
    for sky in SKIES.values():
        for origin, medians in origins.items():
            title = f"{sky}, {origin} ({len(medians[sky])} dates)"
            table.add_row(title, *[f"{one:.3f}" for one in np.median(medians[sky], axis=0)])
    Console(width=160).print(table)


if __name__ == "__main__":
    typer.run(main)
