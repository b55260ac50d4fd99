"""Scores of a mask against clouds drawn by eye or simulated, with its controls beside it.

    python bench/eye.py ../shared/data/flanders-2018/images ../shared/data/flanders-2018/eye.npz
    python bench/eye.py site site/truth.tif --bands B02,B03,B04,B08

The reference is (T, Y, X): 0 clear, 1 thick, 2 thin cloud, 3 shadow, 255 uncertain; a raster with
one band per date, or an npz with `labels`. Every method sees the same pixels; uncertain ones are
left out.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import rasterio
import torch
import typer
from numpy.typing import NDArray
from rasterio.windows import Window
from rich.console import Console
from rich.table import Table
from sklearn.metrics import f1_score, precision_recall_curve, roc_auc_score

from am4cm_cli.attention import fold
from am4cm_cli.calibration import cloud_probability
from am4cm_cli.masking import ScoreSample, calibrate
from am4cm_cli.rasters.reading import read_window
from am4cm_cli.scores import METHODS, CounterfactualConfig, make_score
from am4cm_cli.scores.counterfactual import CounterfactualScore, day_kernel
from am4cm_cli.stacks.discovery import find_stack
from am4cm_cli.stacks.stack import Stack
from am4cm_cli.weights import Weights, default_weights, load_weights

CLEAR, THICK, THIN, SHADOW, UNCERTAIN = 0, 1, 2, 3, 255
TARGETS = {"cloud": (THICK, THIN), "unusable": (THICK, THIN, SHADOW)}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One method on one choice of pixels."""

    auc: float
    f1: float
    """At a probability of 50 %; NaN for a method that gives none."""
    best_f1: float


def read_stack(stack: Stack, bands: tuple[str, ...]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return (T, B, P) reflectance and (T, P) valid of the whole, small, stack."""
    height, width = stack.grid.shape
    reflectance, valid = read_window(stack, bands, Window(0, 0, width, height))
    return torch.from_numpy(reflectance).flatten(2), torch.from_numpy(valid).flatten(1)


def read_reference(path: Path) -> NDArray[np.uint8]:
    """(T, P) classes."""
    if path.suffix == ".npz":
        labels = np.load(path)["labels"]
    else:
        with rasterio.open(path) as raster:
            labels = raster.read()
    return labels.reshape(len(labels), -1)


def score_all(
    stack: Stack, weights: Weights, bands: tuple[str, ...]
) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """(T, P) score and probability of every method, and of the two controls without a network."""
    covariance = torch.tensor(weights.calibration.band_covariance, dtype=torch.float64)
    served = fold(weights.model).on_bands(bands, covariance)
    attention = served.to(torch.device("cpu"), torch.float32)
    reflectance, valid = read_stack(stack, attention.bands)
    logit_sd = torch.tensor(weights.calibration.logit_sd)
    scores = {
        method: make_score(method, attention, logit_sd, stack.days)(reflectance, valid)
        for method in METHODS
    }
    blue = attention.bands.index("B02")
    config = CounterfactualConfig()
    kernel = torch.from_numpy(day_kernel(stack.days, width=config.width)).float()
    index = torch.zeros(len(attention.bands))
    index[blue] = -1 / weights.model.std[weights.model.config.bands.index("B02")]
    control = CounterfactualScore(index=index, kernel=kernel, config=config)
    scores["blue control"] = control(reflectance, valid)
    answers = {name: (s, probability(name, s, weights)) for name, s in scores.items()}
    plain = reflectance[:, blue]
    return answers | {"plain B02": (plain, torch.full_like(plain, torch.nan))}


def probability(name: str, score: torch.Tensor, weights: Weights) -> torch.Tensor:
    """Calibrate on the stack's own scores, as `am4cm mask` does; the control as if a drop."""
    finite = score.isfinite()
    sample = ScoreSample(
        scores=score[finite].numpy(), answered=finite.any(dim=1).numpy(), isolated=()
    )
    method = name if name in METHODS else "counterfactual"
    return cloud_probability(score, calibrate(sample, weights, method))


def measure(
    score: NDArray[np.float32], chance: NDArray[np.float32], cloudy: NDArray[np.bool_]
) -> Row:
    """Compare (N,) scores and probabilities with the reference."""
    precision, recall, _ = precision_recall_curve(cloudy, score)
    best = (2 * precision * recall / np.maximum(precision + recall, 1e-9)).max()
    known = not np.isnan(chance).all()
    return Row(
        auc=roc_auc_score(cloudy, score),
        f1=f1_score(cloudy, chance >= 0.5) if known else float("nan"),
        best_f1=float(best),
    )


def date_choices(labels: NDArray[np.uint8]) -> dict[str, NDArray[np.bool_]]:
    """(T,) bool: all dates, and those with more than one label besides the uncertain one."""
    kinds = [len(np.setdiff1d(date, [UNCERTAIN])) for date in labels]
    return {"all dates": np.ones(len(labels), bool), "mixed dates": np.array(kinds) > 1}


def main(
    images: Annotated[str, typer.Argument(help="Stack, as am4cm mask takes it.")],
    reference: Annotated[Path, typer.Argument(help="npz or raster.")],
    weights: Annotated[Path | None, typer.Option(help="Default: those of am4cm.")] = None,
    bands: Annotated[
        str | None, typer.Option(help="As if the stack had only these, B02 among them.")
    ] = None,
) -> None:
    """Print AUC and F1 of every method and control."""
    loaded = load_weights(weights or default_weights())
    used_bands = tuple(bands.split(",")) if bands else loaded.model.config.bands
    answers = score_all(find_stack(images), loaded, used_bands)
    flat = read_reference(reference)
    for target, kinds in TARGETS.items():
        for title, dates in date_choices(flat).items():
            used = np.isin(flat, (CLEAR, *kinds)) & dates[:, None]
            table = Table(
                "method", "AUC", "F1 at 50 %", "best F1", title=f"{target} against clear, {title}"
            )
            for name, (score, chance) in answers.items():
                row = measure(score.numpy()[used], chance.numpy()[used], flat[used] != CLEAR)
                table.add_row(name, f"{row.auc:.4f}", f"{row.f1:.4f}", f"{row.best_f1:.4f}")
            Console().print(table)


if __name__ == "__main__":
    typer.run(main)
