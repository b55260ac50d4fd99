"""Keep the one of several trainings whose mask is best on a simulated stack that none has seen.

    python bench/choose.py OUT.safetensors STACK CANDIDATE.safetensors...

Seeds differ in how much of their attention follows the season rather than the sky. The simulated
truth tells them apart, so that no label of a real cloud is needed to choose.
"""

import shutil
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from sklearn.metrics import roc_auc_score

from am4cm_cli.attention import fold
from am4cm_cli.scores import make_score
from am4cm_cli.stacks.discovery import find_stack
from am4cm_cli.weights import load_weights
from eye import CLEAR, TARGETS, read_reference, read_stack


def area(path: Path, stack: Path) -> float:
    """Mean over the targets of the area under the curve of the attention drop."""
    weights, images = load_weights(path), find_stack(stack)
    attention = fold(weights.model).to(torch.device("cpu"), torch.float32)
    logit_sd = torch.tensor(weights.calibration.logit_sd)
    score = make_score("counterfactual", attention, logit_sd, images.days)
    drop = score(*read_stack(images, attention.bands)).numpy()
    truth = read_reference(stack / "truth.tif")
    areas = []
    for name, kinds in TARGETS.items():
        used = np.isin(truth, (CLEAR, *kinds)) & np.isfinite(drop)
        areas.append(roc_auc_score(truth[used] != CLEAR, drop[used]))
        typer.echo(f"{path.name}: AUC {areas[-1]:.4f}, {name} against clear")
    return float(np.mean(areas))


def main(
    out: Annotated[Path, typer.Argument(help="Weights to write.")],
    stack: Annotated[Path, typer.Argument(help="Folder made by am4cm simulate.")],
    candidates: Annotated[list[Path], typer.Argument(help="Weights to choose from.")],
) -> None:
    """Copy the best candidate and its metrics to OUT."""
    best = max(candidates, key=lambda path: area(path, stack))
    for suffix in (".safetensors", ".metrics.json"):
        shutil.copyfile(best.with_suffix(suffix), out.with_suffix(suffix))
    typer.echo(f"{best.name} is the best, now {out}")


if __name__ == "__main__":
    typer.run(main)
