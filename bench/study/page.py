"""The study of attention as a cloud mask: docs/attention.md and its pictures.

    python bench/study/page.py ../shared/data build docs/attention.md

`make study` first simulates the two stacks; what s2cloudless says of lazio-l1c comes from
bench/peers. Every series is read once by every process.
"""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Annotated

import torch
import typer
from ablations import Found, ablate
from charts import draw_curves, draw_heads, draw_histogram, draw_reliability
from claims import check
from controls import Group, control
from filling import Results, fill
from heads import Heads, study_heads
from methods import Compared, compare
from proof import furthest
from series import Places, read_library
from sheets import draw_failures, draw_steps
from situations import Situations, Year, by_year, see

from am4cm_cli.weights import load_weights
from am4cm_cli.weights_header import default_weights

TEXT = Path(__file__).with_suffix(".md")
OLDER = Path(__file__).parents[2] / "weights" / "sim-10band.safetensors"


def ablations(places: Places) -> dict[str, Found]:
    """In a process of its own."""
    torch.set_num_threads(1)
    weights = load_weights(default_weights())
    return ablate(read_library(places, weights), weights)


def indices(places: Places) -> tuple[dict[str, Group], Heads]:
    """In a process of its own."""
    torch.set_num_threads(1)
    weights = load_weights(default_weights())
    library = read_library(places, weights)
    return control(library, weights, load_weights(OLDER)), study_heads(library, weights)


def answers(places: Places) -> tuple[dict[str, Compared], Situations, list[Year], float]:
    """In a process of its own."""
    torch.set_num_threads(1)
    weights = load_weights(default_weights())
    library = read_library(places, weights)
    found = compare(library, weights)
    distance = furthest(places, library.flanders, weights)
    return found, see(library, weights), by_year(library, weights), distance


def measure_all(places: Places) -> Results:
    """Everything, in as many processes as there are cores."""
    with ProcessPoolExecutor(max_workers=os.cpu_count()) as pool:
        changed = pool.submit(ablations, places)
        replaced = pool.submit(indices, places)
        asked = pool.submit(answers, places)
        groups, heads = replaced.result()
        compared, situations, years, distance = asked.result()
        return Results(
            compared=compared,
            ablations=changed.result(),
            groups=groups,
            heads=heads,
            situations=situations,
            years=years,
            distance=distance,
        )


def draw(folder: Path, found: Results) -> None:
    """Draw every picture."""
    folder.mkdir(exist_ok=True)
    flanders = found.compared["flanders-2018"]
    draw_steps(folder / "steps.png", flanders)
    draw_curves(folder / "roc.png", flanders)
    draw_reliability(folder / "reliability.png", flanders)
    draw_histogram(folder / "histogram.png", flanders)
    draw_heads(folder / "heads.png", found.heads)
    draw_failures(folder / "failures.png", found.compared)


def main(
    shared: Annotated[Path, typer.Argument(help="Folder of the shared series.", exists=True)],
    build: Annotated[Path, typer.Argument(help="Folder of simulated stacks.", exists=True)],
    out: Annotated[Path, typer.Argument(help="Page to write.")],
) -> None:
    """Write the page, and its pictures into a folder of its name."""
    found = measure_all(Places(shared=shared, build=build))
    check(found.compared, found.ablations, found.groups, found.heads, found.situations)
    draw(out.with_suffix(""), found)
    out.write_text(fill(TEXT.read_text(), found))


if __name__ == "__main__":
    typer.run(main)
