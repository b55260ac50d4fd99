"""How weights do on the real series other than flanders-2018, which `am4cm evaluate` scores.

    python bench/transfer.py ../shared/data weights/*.safetensors
    python bench/transfer.py ../shared/data weights/*.safetensors --lazio build/s2cloudless.npz

Every mask is made as `am4cm mask` makes it. lazio-l1c has a letter per date, by eye, and what
bench/peers/s2cloudless_probability.py makes of it, where that is sure (below 0.1, above 0.7);
vosges-theia has MAJA's cloud mask, which overflags, and the dates of vosges_clear.csv, judged clear
by eye before any mask was looked at; iberia-4band the quality band of its cubes.
"""

import csv
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import numpy as np
import rasterio
import torch
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from sklearn.metrics import roc_auc_score

from am4cm_cli.classes import TARGETS
from am4cm_cli.masking import mask_stack
from am4cm_cli.orders import MaskConfig, MaskFiles
from am4cm_cli.sensors import BAND_METRES
from am4cm_cli.stacks.discovery import find_stack
from am4cm_cli.stacks.options import StackOptions
from am4cm_cli.stacks.stack import Stack
from am4cm_cli.weights import Weights, load_weights

Figures = Iterator[tuple[str, str]]
VOSGES_CLEAR = Path(__file__).parent / "vosges_clear.csv"
SURE_CLEAR, SURE_CLOUD = 0.1, 0.7
"""Of s2cloudless's probability."""


def probability(stack: Stack, weights: Weights, target: str = "cloud") -> NDArray[np.float32]:
    """(T, Y, X) as a user would get it, NaN for none."""
    with TemporaryDirectory() as folder:
        out = Path(folder) / "mask.tif"
        config = MaskConfig(dtype="float32", target=target)
        mask_stack(stack, MaskFiles(probability=out), weights, config, device=torch.device("cpu"))
        with rasterio.open(out) as raster:
            return raster.read()


def lazio(folder: Path, weights: Weights) -> Figures:
    """Dates by eye: C clear, K cloud; the others are in between."""
    stack = find_stack(folder, StackOptions(band_names=tuple(BAND_METRES)))
    found = probability(stack, weights)
    with (folder / "visual_datelabels.csv").open() as file:
        letter = {row["date"]: row["label"] for row in csv.DictReader(file)}
    letters = np.array([letter[scene.name] for scene in stack.scenes])
    flagged = (found >= 0.5).mean(axis=(1, 2))
    clear, cloud = letters == "C", letters == "K"
    yield "lazio-l1c: AUC, pixels of dates K against C", f"{_auc(found[cloud], found[clear]):.4f}"
    yield "lazio-l1c: flagged on clear dates, mean", f"{flagged[clear].mean():.1%}"
    yield "lazio-l1c: flagged on clear dates, worst", f"{flagged[clear].max():.1%}"
    yield "lazio-l1c: flagged on cloudy dates, worst", f"{flagged[cloud].min():.1%}"


def against_s2cloudless(folder: Path, answers: Path, weights: Weights) -> Figures:
    """Where s2cloudless is sure."""
    stack = find_stack(folder, StackOptions(band_names=tuple(BAND_METRES)))
    peer = s2cloudless(answers, stack)
    found = probability(stack, weights)
    area = _auc(found[peer > SURE_CLOUD], found[peer < SURE_CLEAR])
    yield "lazio-l1c: AUC against s2cloudless where sure", f"{area:.4f}"


def s2cloudless(answers: Path, stack: Stack) -> NDArray[np.float32]:
    """Read its probability, (T, Y, X) in the order of the stack."""
    with np.load(answers) as file:
        theirs = dict(zip(file["date"], file["probability"], strict=True))
    return np.stack([theirs[scene.name] for scene in stack.scenes])


def vosges(folder: Path, weights: Weights) -> Figures:
    """MAJA's mask, at 20 m."""
    stack = find_stack(folder)
    found = probability(stack, weights)
    maja = np.stack([maja_mask(scene.bands["B02"].path) for scene in stack.scenes])
    yield "vosges-theia: AUC against MAJA", f"{_auc(found[maja], found[~maja]):.4f}"
    share = (found[~maja & np.isfinite(found)] >= 0.5).mean()
    yield "vosges-theia: flagged where MAJA sees nothing", f"{share:.1%}"
    with VOSGES_CLEAR.open() as file:
        clear = {row["date"] for row in csv.DictReader(file)}
    by_eye = np.array([scene.name in clear for scene in stack.scenes])
    for target in TARGETS:
        seen = probability(stack, weights, target)[by_eye]
        flagged = np.nanmean(np.where(np.isnan(seen), np.nan, seen >= 0.5), axis=(1, 2))
        name = f"vosges-theia: {target}, flagged on {by_eye.sum()} clear dates"
        yield f"{name}, mean", f"{flagged.mean():.1%}"
        yield f"{name}, worst", f"{flagged.max():.1%}"


def iberia(folder: Path, weights: Weights) -> Figures:
    """Quality of the cube: 1 bad."""
    for cube in ("0", "1"):
        found = probability(find_stack(folder / cube), weights)
        bad = np.load(folder / cube / "quality.npz")["mask"] == 1
        yield f"iberia-4band/{cube}: AUC against quality", f"{_auc(found[bad], found[~bad]):.4f}"
        seen = np.isfinite(found)
        good = (found[seen & ~bad] >= 0.5).mean()
        yield f"iberia-4band/{cube}: flagged where the quality is good", f"{good:.1%}"
        always = np.where(seen, found >= 0.5, 0).sum(0) > 0.8 * seen.sum(0)
        yield f"iberia-4band/{cube}: flagged on over 80 % of dates", f"{always.mean():.1%}"


def maja_mask(band: Path) -> NDArray[np.bool_]:
    """Read MAJA's mask beside a band of its scene: (Y, X) True where flagged, at 10 m."""
    (path,) = (band.parent / "MASKS").glob("*_CLM_R2.tif")
    with rasterio.open(path) as raster:
        return raster.read(1).repeat(2, axis=0).repeat(2, axis=1) > 0


def _auc(cloudy: NDArray[np.float32], clear: NDArray[np.float32]) -> float:
    cloudy, clear = cloudy[np.isfinite(cloudy)], clear[np.isfinite(clear)]
    truth = np.concatenate([np.ones(len(cloudy)), np.zeros(len(clear))])
    return float(roc_auc_score(truth, np.concatenate([cloudy, clear])))


def main(
    shared: Annotated[Path, typer.Argument(help="Folder of the shared series.")],
    weights: Annotated[list[Path], typer.Argument(help="Weights to compare.")],
    lazio_peer: Annotated[
        Path | None, typer.Option("--lazio", help="npz of s2cloudless on lazio-l1c.")
    ] = None,
) -> None:
    """Print a column per weights file."""
    table = Table("figure", *[path.stem for path in weights])
    loaded = [load_weights(path) for path in weights]
    sets = [
        partial(lazio, shared / "lazio-l1c"),
        partial(vosges, shared / "vosges-theia"),
        partial(iberia, shared / "iberia-4band"),
    ]
    if lazio_peer:
        sets.insert(1, partial(against_s2cloudless, shared / "lazio-l1c", lazio_peer))
    for measure in sets:
        columns = [list(measure(one)) for one in loaded]
        for row in zip(*columns, strict=True):
            table.add_row(row[0][0], *[value for _, value in row])
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
