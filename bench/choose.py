"""Keep the one of several trainings whose mask is best on simulated stacks that none has seen.

    python bench/choose.py OUT.safetensors CANDIDATE.safetensors... --on STACK --on STACK

Seeds differ in how much of their attention follows the season rather than the sky. The simulated
truth tells them apart, so that no label of a real cloud is needed to choose.
"""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from sklearn.metrics import roc_auc_score

from am4cm_cli.attention import fold
from am4cm_cli.scores import make_score
from am4cm_cli.stacks.discovery import find_stack
from am4cm_cli.training import metrics_json
from am4cm_cli.weights import Weights, load_weights, save_weights
from eye import CLEAR, TARGETS, read_reference, read_stack


def areas(weights: Weights, stack: Path) -> dict[str, float]:
    """Area under the curve of the attention drop, by target."""
    images = find_stack(stack)
    attention = fold(weights.model).to(torch.device("cpu"), torch.float32)
    logit_sd = torch.tensor(weights.calibration.logit_sd)
    score = make_score("counterfactual", attention, logit_sd, images.days)
    drop = score(*read_stack(images, attention.bands)).numpy()
    truth = read_reference(stack / "truth.tif")
    found = {}
    for name, kinds in TARGETS.items():
        used = np.isin(truth, (CLEAR, *kinds)) & np.isfinite(drop)
        found[name] = float(roc_auc_score(truth[used] != CLEAR, drop[used]))
    typer.echo(
        f"{weights.name} on {stack.name}: AUC "
        + ", ".join(f"{k} {v:.4f}" for k, v in found.items())
    )
    return found


def main(
    out: Annotated[Path, typer.Argument(help="Weights to write.")],
    candidates: Annotated[list[Path], typer.Argument(help="Weights to choose from.")],
    on: Annotated[list[Path], typer.Option(help="Folder made by am4cm simulate.")],
) -> None:
    """Write the best candidate to OUT, with a word on the choice in its card."""
    loaded = [load_weights(path) for path in candidates]
    by_candidate = [{stack.name: areas(weights, stack) for stack in on} for weights in loaded]
    totals = [sum(sum(auc.values()) for auc in found.values()) for found in by_candidate]
    best = int(np.argmax(totals))
    choice = {
        "from": [weights.name for weights in loaded],
        "by": "simulated truth of stacks that none was trained on: AUC of the attention drop",
        "auc": by_candidate[best],
        "declared": "no cloud label entered training or calibration; the noise and the prior of "
        "the mixture were set with real series in view, as weights/README.md tells",
    }
    chosen = replace(loaded[best], record={**loaded[best].record, "choice": choice})
    save_weights(out, chosen)
    out.with_suffix(".metrics.json").write_text(metrics_json(chosen))
    typer.echo(f"{chosen.name} is the best, now {out}")


if __name__ == "__main__":
    typer.run(main)
