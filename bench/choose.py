"""Keep the one of several trainings whose mask is best on simulated stacks that none has seen.

    python bench/choose.py OUT.safetensors CANDIDATE.safetensors... --on STACK --on STACK

Seeds differ in how much of their attention follows the season rather than the sky. The simulated
truth tells them apart, so that no label of a real cloud is needed to choose. What counts is the
mean AUC of the attention drop over the stacks, for cloud and for cloud or shadow, with all bands,
with six and with four: one weights file has to serve them all.
"""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from am4cm_cli.stacks.discovery import find_stack
from am4cm_cli.training import metrics_json
from am4cm_cli.weights import Weights, load_weights, save_weights
from recipes import auc, by_bands, folded_drop, read_reference


def choose(candidates: list[Weights], stacks: list[Path], console: Console) -> Weights:
    """Find the best candidate, with a word on the choice in its card."""
    asked = [
        trial
        for folder in stacks
        for trial in by_bands(folder.name, find_stack(folder), read_reference(folder / "truth.tif"))
    ]
    table = Table("AUC of the drop", *[weights.name for weights in candidates])
    areas = []
    for trial in track(asked, console=Console(stderr=True), transient=True):
        areas.append([auc(trial, folded_drop(trial, weights)) for weights in candidates])
        table.add_row(trial.name, *[f"{one:.4f}" for one in areas[-1]])
    mean = np.mean(areas, axis=0)
    table.add_row("mean", *[f"{one:.4f}" for one in mean])
    console.print(table)
    best = candidates[int(np.argmax(mean))]
    choice = {
        "from": [weights.name for weights in candidates],
        "by": "mean AUC of the attention drop on simulated stacks that none was trained on",
        "auc": float(mean.max()),
        "declared": "no cloud label entered training or calibration; the noise, the shade and the "
        "prior of the mixture were set with real series in view, as weights/README.md tells",
    }
    return replace(best, record={**best.record, "choice": choice})


def main(
    out: Annotated[Path, typer.Argument(help="Weights to write.")],
    candidates: Annotated[list[Path], typer.Argument(help="Weights to choose from.")],
    on: Annotated[list[Path], typer.Option(help="Folder made by am4cm simulate.")],
) -> None:
    """Print the table, and write the best candidate to OUT."""
    console = Console(width=60 + 12 * len(candidates))
    chosen = choose([load_weights(path) for path in candidates], on, console)
    save_weights(out, chosen)
    out.with_suffix(".metrics.json").write_text(metrics_json(chosen))
    console.print(f"{chosen.name} is the best, now {out}")


if __name__ == "__main__":
    typer.run(main)
