"""am4cm computing on arrays that lie in memory: numbers as files hold them in, percent out.

    python -m bench.speed.in_memory build/speed/stacks/sen2cor-2048x2048-24 out.json

A stack is read whole beforehand, as uint16. What is timed is all that turns it into a uint8 mask:
validity, evidence and probability window by window, rims included, in one stage; and in another the
sample with all that is fitted to it, even the reading of its pixels. gpu.py computes by the same
function.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import rasterio
import torch
import typer
from bench.speed.answers import Clock, write_answer
from numpy.typing import NDArray
from torch import Tensor

from am4cm_cli.devices import pick_device
from am4cm_cli.judgement import Judge, fit_judge
from am4cm_cli.masking import tile_side
from am4cm_cli.rasters.cache import bounded_cache
from am4cm_cli.scores.neighbourhood import RIM
from am4cm_cli.scoring import StackScorer, draw_sample, make_scorer
from am4cm_cli.stacks.discovery import find_stack
from am4cm_cli.stacks.stack import Stack
from am4cm_cli.weights import default_weights, load_weights
from am4cm_cli.windows import inside, tile_grid, with_rim

NODATA = 255


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """Everything that a mask needs besides pixels."""

    scorer: StackScorer
    judge: Judge

    def percent(self, dn: Tensor) -> Tensor:
        """Mask (T, B, Y, X) dn, 0 where there is none, on the device they lie on.

        Returns:
            (T, Y, X) uint8 probability of cloud in percent, 255 where there is no answer.
        """
        reflectance, valid = reflectance_of(dn, self.scorer)
        flat = reflectance.flatten(2).split(self.scorer.batch, dim=-1)
        seen = valid.flatten(1).split(self.scorer.batch, dim=-1)
        parts = [self.scorer.score(x, s) for x, s in zip(flat, seen, strict=True)]
        evidence = torch.cat(parts, dim=-1)
        cloud = self.judge(evidence.reshape(len(evidence), *valid.shape)).cloud
        known = (100 * cloud).round().nan_to_num(nan=NODATA)
        return known.to(torch.uint8)


def reflectance_of(dn: Tensor, scorer: StackScorer) -> tuple[Tensor, Tensor]:
    """(T, B, Y, X) reflectance, 0 where not valid, and (T, Y, X) valid, of the bench's files."""
    files = [scorer.stack.scenes[0].bands[band] for band in scorer.bands]
    scale, offset = (
        torch.tensor([getattr(file, name) for file in files], device=dn.device)[:, None, None]
        for name in ("scale", "offset")
    )
    valid = (dn != 0).all(dim=1)
    reflectance = torch.addcmul(offset, dn.to(torch.float32), scale)
    return reflectance.masked_fill_(~valid[:, None], 0.0), valid


def fit(stack: Stack, device: torch.device) -> Fitted:
    """Draw the sample and fit the judge, as `am4cm mask` does."""
    weights = load_weights(default_weights())
    scorer = make_scorer(stack, weights, "counterfactual", device=device)
    sample = draw_sample(scorer)
    dates = int(sample.answered.sum())
    judge = fit_judge(sample.evidence, weights.calibration, "counterfactual", dates=dates)
    return Fitted(scorer=scorer, judge=judge)


def read_whole(stack: Stack, bands: tuple[str, ...]) -> NDArray[np.uint16]:
    """(T, B, Y, X) dn of files with all bands of a date in each."""
    dn = np.empty((len(stack.scenes), len(bands), *stack.grid.shape), np.uint16)
    for scene, numbers in zip(stack.scenes, dn, strict=True):
        files = [scene.bands[band] for band in bands]
        with rasterio.open(files[0].path) as raster:
            raster.read([file.index for file in files], out=numbers)
    return dn


def windows_of(dn: Tensor, *, side: int) -> Iterator[tuple[Tensor, tuple[slice, slice]]]:
    """Cut (T, B, Y, X) into windows with their rims, and tell what of each counts."""
    shape = dn.shape[2], dn.shape[3]
    for window in tile_grid(shape, size=side):
        wider = with_rim(window, shape, rim=RIM)
        rows, cols = wider.toslices()
        yield dn[:, :, rows, cols], inside(window, wider)


def main(
    images: Annotated[Path, typer.Argument(help="Folder of a stack.", exists=True)],
    out: Annotated[Path, typer.Argument(help="JSON to write.")],
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
) -> None:
    """Compute the whole mask once."""
    stack, clock = find_stack(images), Clock()
    with bounded_cache():
        with clock.stage("sample and fit"):
            fitted = fit(stack, pick_device(device))
        bands = fitted.scorer.bands
        dn = torch.from_numpy(read_whole(stack, bands))
    pixel_dates = 0
    for part, (rows, cols) in windows_of(dn, side=tile_side(len(dn), len(bands))):
        with clock.stage("compute"):
            percent = fitted.percent(part.to(fitted.scorer.device)).cpu()
        pixel_dates += percent[:, rows, cols].numel()
    seconds = sum(clock.seconds.values())
    write_answer(out, {"seconds": seconds, "pixel_dates": pixel_dates, "stages": clock.seconds})


if __name__ == "__main__":
    typer.run(main)
