"""am4cm computing on arrays that lie in memory: numbers as files hold them in, percent out.

    python -m bench.speed.in_memory build/speed/stacks/sen2cor-2048x2048-24-of-512 out.json

A stack's windows are read beforehand, as `am4cm mask` reads them: uint16, and what of it is valid.
What is timed is all that turns them into uint8 percent, in one stage; and in another the sample
with all that is fitted to it, even the reading of its pixels. Pixels along the seams between
windows, which `am4cm mask` judges again once it knows both sides, are judged once here.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import torch
import typer
from bench.speed.answers import write_answer
from torch import Tensor

from am4cm_cli.clock import Clock
from am4cm_cli.commands.options import split_names
from am4cm_cli.engine import Engine
from am4cm_cli.judgement import Judge, fit_judge
from am4cm_cli.layers import probability_layer
from am4cm_cli.orders import BATCH
from am4cm_cli.plan import OPEN_FILES
from am4cm_cli.rasters.ahead import WindowReader, window_reader
from am4cm_cli.scoring import StackScorer, draw_sample, make_scorer
from am4cm_cli.stacks.discovery import find_stack
from am4cm_cli.stacks.options import StackOptions
from am4cm_cli.stacks.stack import Stack
from am4cm_cli.streaming import one_thread_each
from am4cm_cli.weights import load_weights
from am4cm_cli.weights_header import default_weights
from am4cm_cli.windows import tile_grid

SIDE = 512
"""Of a window; files have blocks of as many pixels."""


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """Everything that a mask needs besides pixels."""

    scorer: StackScorer
    judge: Judge

    def percent(self, dn: Tensor, valid: Tensor) -> Tensor:
        """(T, Y, X) uint8 of (T, B, Y, X) numbers, on the device they lie on, without threads."""
        seen = self.scorer.observe(dn.flatten(2), valid.flatten(1))
        planes = self.judge.planes(self.scorer.score(seen))
        return self.judge.percent(planes.unflatten(-1, valid.shape[1:]), "cloud")

    def engine(self, clock: Clock) -> Engine:
        """What computes windows in threads, on the CPU."""
        stack = self.scorer.stack
        layer = probability_layer(Path("unwritten.tif"), stack, target="cloud", dtype="uint8")
        return Engine(
            scorer=self.scorer,
            judge=self.judge,
            layers=[layer],
            shape=stack.grid.shape,
            batch=BATCH,
            clock=clock,
        )


def fit(stack: Stack, device: torch.device) -> Fitted:
    """Draw the sample and fit the judge, as `am4cm mask` does."""
    weights = load_weights(default_weights())
    scorer = make_scorer(stack, weights, "counterfactual", device=device)
    sample = draw_sample(scorer)
    dates = int(sample.answered.sum())
    judge = fit_judge(sample.evidence, weights.calibration, "counterfactual", dates=dates)
    return Fitted(scorer=scorer, judge=judge)


def compute_all(fitted: Fitted, reader: WindowReader, *, threads: int, clock: Clock) -> int:
    """Compute every window once it has been read; return how many pixel-dates there are."""
    engine, pixel_dates = fitted.engine(Clock()), 0
    windows = list(tile_grid(engine.shape, size=SIDE))
    lying = reader.read(windows)
    with one_thread_each(), ThreadPoolExecutor(threads) as pool:
        for window, numbers in zip(windows, lying, strict=True):
            with clock("compute"):
                part = engine.start(window, numbers, pool)()
            pixel_dates += part.layers[0].size
    return pixel_dates


def main(
    images: Annotated[Path, typer.Argument(help="Folder of a stack.", exists=True)],
    out: Annotated[Path, typer.Argument(help="JSON to write.")],
    threads: Annotated[int, typer.Option(min=1)] = os.cpu_count() or 1,
    bands: Annotated[str | None, typer.Option(help="Where files don't name them.")] = None,
) -> None:
    """Compute the whole mask once."""
    stack, clock = find_stack(images, StackOptions(band_names=split_names(bands))), Clock()
    with clock("sample and fit"):
        fitted = fit(stack, torch.device("cpu"))
    with window_reader(
        stack, fitted.scorer.bands, threads=threads, open_files=OPEN_FILES, clock=Clock()
    ) as reader:
        pixel_dates = compute_all(fitted, reader, threads=threads, clock=clock)
    facts = {"seconds": sum(clock.wall.values()), "pixel_dates": pixel_dates}
    write_answer(out, {**facts, "stages": dict(clock.wall)})


if __name__ == "__main__":
    typer.run(main)
