"""Seconds that am4cm takes to compute a mask from arrays in memory, for comparison with peers.

    python bench/peers/am4cm_arrays.py build/peers/large build/peers/large-am4cm.npz

Reading windows is left out, as it is for peers, and so is writing; in are the evidence of every
pixel-date and its probability, those of the rims around windows, and the sample with all that is
fitted to it, even the reading of its pixels. `seconds` and `pixel_dates`.
"""

import time
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer

from am4cm_cli.judgement import fit_judge
from am4cm_cli.masking import MaskConfig, tile_side
from am4cm_cli.rasters.reading import read_window
from am4cm_cli.scores.neighbourhood import RIM
from am4cm_cli.scoring import draw_sample, make_scorer
from am4cm_cli.sensors import BAND_METRES
from am4cm_cli.stacks.discovery import find_stack
from am4cm_cli.weights import default_weights, load_weights
from am4cm_cli.windows import tile_grid, with_rim


def main(
    images: Annotated[Path, typer.Argument(help="A stack of thirteen bands.", exists=True)],
    out: Annotated[Path, typer.Argument(help="npz to write.")],
) -> None:
    """Compute window by window, as `am4cm mask` does, and sum up the time of computing alone."""
    stack = find_stack(images, band_names=list(BAND_METRES))
    weights, config = load_weights(default_weights()), MaskConfig()
    scorer = make_scorer(stack, weights, config.method, device=torch.device("cpu"))
    start = time.perf_counter()
    sample = draw_sample(scorer)
    dates = int(sample.answered.sum())
    judge = fit_judge(sample.evidence, weights.calibration, config.method, dates=dates)
    side = tile_side(len(stack.scenes), len(scorer.bands))
    seconds, pixel_dates = time.perf_counter() - start, 0
    for window in tile_grid(stack.grid.shape, size=side):
        wider = with_rim(window, stack.grid.shape, rim=RIM)
        reflectance, valid = read_window(stack, scorer.bands, wider)
        start = time.perf_counter()
        judge.percent(judge.planes(scorer.evidence(reflectance, valid)), config.target)
        seconds += time.perf_counter() - start
        pixel_dates += len(valid) * window.height * window.width
    np.savez(out, seconds=seconds, pixel_dates=pixel_dates)


if __name__ == "__main__":
    typer.run(main)
