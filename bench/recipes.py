"""Which recipe of training gives the best masks: AUC of the attention drop on every real series.

    python bench/recipes.py ../shared/data build/recipes/*.safetensors --lazio build/s2cloudless.npz

A column per weights file, a row per series and choice of bands. The drop alone is scored, without
calibration; bench/transfer.py scores masks. Weights with an MLP as embedding, which no mask can be
made from, are scored by the same steps on the network itself, where all its bands are there.

flanders-2018 has clouds drawn by eye, lazio-l1c a letter per date (K cloud against C clear) and
what bench/peers/s2cloudless_probability.py makes of it, vosges-theia MAJA's mask, which overflags,
iberia-4band the quality band of its cubes.
"""

import csv
from collections.abc import Iterator
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
from rich.progress import track
from rich.table import Table
from sklearn.metrics import roc_auc_score
from torch import Tensor

from am4cm_cli.attention import fold, unfoldable
from am4cm_cli.classes import CLEAR, TARGETS
from am4cm_cli.days import day_of_year
from am4cm_cli.rasters.reading import read_window
from am4cm_cli.scores import CounterfactualConfig, Observations, make_score
from am4cm_cli.scores.counterfactual import trust_dates
from am4cm_cli.scores.kernels import DayKernel
from am4cm_cli.sensors import BAND_METRES, LAND_BANDS
from am4cm_cli.stacks.discovery import find_stack
from am4cm_cli.stacks.options import StackOptions
from am4cm_cli.stacks.stack import Stack
from am4cm_cli.weights import Weights, load_weights
from transfer import SURE_CLEAR, SURE_CLOUD, maja_mask, s2cloudless

SUBSETS = {
    "10 bands": LAND_BANDS,
    "6 bands": ("B02", "B03", "B04", "B8A", "B11", "B12"),
    "4 bands, B08": ("B02", "B03", "B04", "B08"),
    "4 bands, B8A": ("B02", "B03", "B04", "B8A"),
}


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A series, some of its bands, and which of its observations are cloudy."""

    name: str
    stack: Stack
    bands: tuple[str, ...]
    cloudy: NDArray[np.bool_]
    """(T, P)"""
    used: NDArray[np.bool_]
    """(T, P) those that the reference is sure of."""


def read_stack(stack: Stack, bands: tuple[str, ...]) -> tuple[Tensor, Tensor]:
    """Return (T, B, P) reflectance and (T, P) valid of the whole, small, stack."""
    height, width = stack.grid.shape
    reflectance, valid = read_window(stack, bands, Window(0, 0, width, height))
    return torch.from_numpy(reflectance).flatten(2), torch.from_numpy(valid).flatten(1)


def read_reference(path: Path) -> NDArray[np.uint8]:
    """(T, P) classes of an npz with `labels`, or of a raster with a band per date."""
    if path.suffix == ".npz":
        labels = np.load(path)["labels"]
    else:
        with rasterio.open(path) as raster:
            labels = raster.read()
    return labels.reshape(len(labels), -1)


def trials(shared: Path, lazio_peer: Path | None) -> Iterator[Trial]:
    """Yield every series with every choice of its bands."""
    yield from flanders(shared / "flanders-2018")
    yield lazio(shared / "lazio-l1c")
    if lazio_peer:
        yield lazio_sure(shared / "lazio-l1c", lazio_peer)
    yield vosges(shared / "vosges-theia")
    for cube in ("0", "1"):
        yield iberia(shared / "iberia-4band" / cube)


def flanders(folder: Path) -> Iterator[Trial]:
    """Cloud against clear, and cloud or shadow against clear."""
    stack = find_stack(folder / "images")
    yield from by_bands("flanders-2018", stack, read_reference(folder / "eye.npz"))


def by_bands(name: str, stack: Stack, labels: NDArray[np.uint8]) -> Iterator[Trial]:
    """Yield a series with every choice of its bands, for cloud and for cloud or shadow."""
    for title, bands in SUBSETS.items():
        for target, kinds in TARGETS.items():
            yield Trial(
                name=f"{name}, {title}: {target}",
                stack=stack,
                bands=bands,
                cloudy=labels != CLEAR,
                used=np.isin(labels, (CLEAR, *kinds)),
            )


def lazio(folder: Path) -> Trial:
    """Whole dates."""
    stack = find_stack(folder, StackOptions(band_names=tuple(BAND_METRES)))
    with (folder / "visual_datelabels.csv").open() as file:
        letter = {row["date"]: row["label"] for row in csv.DictReader(file)}
    letters = np.array([letter[scene.name] for scene in stack.scenes])
    pixels = np.ones((1, np.prod(stack.grid.shape)), np.bool_)
    return Trial(
        name="lazio-l1c: dates K against C",
        stack=stack,
        bands=LAND_BANDS,
        cloudy=(letters == "K")[:, None] & pixels,
        used=np.isin(letters, ("K", "C"))[:, None] & pixels,
    )


def lazio_sure(folder: Path, answers: Path) -> Trial:
    """Pixels that s2cloudless is sure of."""
    stack = find_stack(folder, StackOptions(band_names=tuple(BAND_METRES)))
    peer = s2cloudless(answers, stack).reshape(len(stack.scenes), -1)
    return Trial(
        name="lazio-l1c: s2cloudless where sure",
        stack=stack,
        bands=LAND_BANDS,
        cloudy=peer > SURE_CLOUD,
        used=(peer > SURE_CLOUD) | (peer < SURE_CLEAR),
    )


def vosges(folder: Path) -> Trial:
    """Six bands."""
    stack = find_stack(folder)
    maja = np.stack([maja_mask(scene.bands["B02"].path) for scene in stack.scenes])
    cloudy = maja.reshape(len(maja), -1)
    return _whole("vosges-theia: MAJA", stack, cloudy)


def iberia(folder: Path) -> Trial:
    """Four bands."""
    bad = np.load(folder / "quality.npz")["mask"] == 1
    return _whole(
        f"iberia-4band/{folder.name}: quality", find_stack(folder), bad.reshape(len(bad), -1)
    )


def _whole(name: str, stack: Stack, cloudy: NDArray[np.bool_]) -> Trial:
    bands = tuple(band for band in LAND_BANDS if band in stack.bands)
    return Trial(name=name, stack=stack, bands=bands, cloudy=cloudy, used=np.ones_like(cloudy))


def area(trial: Trial, weights: Weights) -> float | None:
    """Area under the curve; None where the weights cannot serve these bands."""
    if unfoldable(weights.model) is None:
        drop = folded_drop(trial, weights)
    elif trial.bands == weights.model.config.bands:
        drop = network_drop(trial, weights)
    else:
        return None
    return auc(trial, drop)


def auc(trial: Trial, drop: NDArray[np.float32]) -> float:
    """Area under the curve of (T, P) drops, NaN for none."""
    used = trial.used & np.isfinite(drop)
    return float(roc_auc_score(trial.cloudy[used], drop[used]))


def folded_drop(trial: Trial, weights: Weights) -> NDArray[np.float32]:
    """(T, P) as `am4cm mask --method drop` scores it, before neighbours are joined."""
    covariance = torch.tensor(weights.calibration.band_covariance, dtype=torch.float64)
    served = fold(weights.model).on_bands(trial.bands, covariance)
    attention = served.to(torch.device("cpu"), torch.float32)
    logit_sd = torch.tensor(weights.calibration.logit_sd)
    score = make_score("drop", attention, logit_sd, trial.stack.days)
    observed = Observations.of_reflectance(*read_stack(trial.stack, trial.bands))
    return score(observed)[0].numpy()


@torch.inference_mode()
def network_drop(trial: Trial, weights: Weights) -> NDArray[np.float32]:
    """(T, P) the same steps where logits are not affine: the clear sky is estimated in reflectance.

    As scores/counterfactual.py does: dates are trusted by their logits, then by the drops of the
    round before.
    """
    reflectance, valid = read_stack(trial.stack, trial.bands)
    days = trial.stack.days
    config = CounterfactualConfig()
    kernel = DayKernel.of(days, width=config.width).to(torch.empty(0))
    drops = []
    for x, seen in zip(reflectance.split(512, dim=2), valid.split(512, dim=1), strict=True):
        trusted = _logit(weights, x, days)
        drop = trusted.masked_fill(~seen, 0).sum(0) / seen.sum(0).clamp(min=1) - trusted
        for _ in range(config.rounds):
            fit = -config.sharpness * drop
            trust = trust_dates(fit, seen.float(), kernel, out=fit)
            clear = kernel.sum(x * trust[:, None]) / kernel.sum(trust)[:, None]
            drop = _logit(weights, clear, days) - trusted
        drops.append(drop.masked_fill(~seen, torch.nan))
    return torch.cat(drops, dim=1).numpy()


def _logit(weights: Weights, reflectance: Tensor, days: NDArray[np.int64]) -> Tensor:
    """(T, P) mean of the standardised logits of all heads for (T, B, P) reflectance."""
    series = reflectance.movedim(2, 0)
    day = torch.from_numpy(day_of_year(days)).float().expand(len(series), -1)
    everything = torch.ones(series.shape[:2], dtype=torch.bool)
    logits = weights.model.observed_logits(series, day, everything)
    sd = torch.tensor(weights.calibration.logit_sd)[:, None]
    return (logits / sd).mean(0).reshape(everything.shape).T


def main(
    shared: Annotated[Path, typer.Argument(help="Folder of the shared series.")],
    weights: Annotated[list[Path], typer.Argument(help="Weights to compare.")],
    lazio_peer: Annotated[
        Path | None, typer.Option("--lazio", help="npz of s2cloudless on lazio-l1c.")
    ] = None,
) -> None:
    """Print the table."""
    console = Console(width=60 + 12 * len(weights))
    table = Table("AUC of the drop", *[path.stem for path in weights])
    loaded = [load_weights(path) for path in weights]
    for trial in track(
        list(trials(shared, lazio_peer)), console=Console(stderr=True), transient=True
    ):
        areas = [area(trial, one) for one in loaded]
        table.add_row(trial.name, *["" if one is None else f"{one:.4f}" for one in areas])
    console.print(table)


if __name__ == "__main__":
    typer.run(main)
