"""Nanoseconds that each step of a mask takes per pixel-date on one core, without any file.

    python bench/speed/engine.py

Numbers are drawn, of ten bands in uint16; a third of the dates is clouded over. Each figure is the
fastest of several runs.
"""

import time
from collections.abc import Callable
from typing import Annotated, Any

import numpy as np
import torch
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from am4cm_cli.attention import FoldedAttention, fold, spectral_index
from am4cm_cli.judgement import JointJudge, fit_judge
from am4cm_cli.scores import CounterfactualConfig, Observations, make_score
from am4cm_cli.scores.counterfactual import TrustedDates
from am4cm_cli.scores.kernels import DayKernel
from am4cm_cli.scores.observations import WIDTH
from am4cm_cli.weights import Weights, load_weights
from am4cm_cli.weights_header import default_weights

YEARS = {24: 1, 60: 1, 500: 7}
"""That so many dates are spread over; else one."""
BATCH = WIDTH
SIDE = 64
SCALE, OFFSET = 1e-4, -0.1
FIELD = np.array([0.04, 0.07, 0.06, 0.11, 0.22, 0.27, 0.29, 0.31, 0.22, 0.13])
"""Reflectance of the ground in the ten bands of the default weights."""


def calendar(dates: int) -> NDArray[np.int64]:
    """Evenly spread days since 1970-01-01."""
    return 17_532 + np.linspace(0, 365 * YEARS.get(dates, 1), dates).astype(np.int64)


def draw(dates: int, share_hidden: float) -> Observations:
    """Ground that changes slowly, clouds that come and go, noise, and holes of whole rows."""
    rng = np.random.default_rng(dates)
    season = np.sin(calendar(dates) / 58)[:, None, None]
    ground = FIELD[:, None] * rng.uniform(0.7, 1.3, (1, len(FIELD), BATCH)) * (1 + 0.2 * season)
    thick = rng.exponential(0.3, (dates, 1, BATCH)) * (rng.random((dates, 1, 1)) < 1 / 3)
    reflectance = ground + thick + rng.normal(0, 0.01, (dates, len(FIELD), BATCH))
    dn = ((reflectance - OFFSET) / SCALE).clip(0, 65535).astype(np.uint16)
    return Observations(
        dn=torch.from_numpy(dn),
        valid=torch.from_numpy(rng.random((dates, BATCH)) >= share_hidden),
        scale=torch.full((dates, len(FIELD)), SCALE),
        offset=torch.full((dates, len(FIELD)), OFFSET),
    )


def steps(
    weights: Weights, attention: FoldedAttention, dates: int, share_hidden: float
) -> dict[str, Callable[[], Any]]:
    """What to time, by name."""
    observations = draw(dates, share_hidden)
    days, config = calendar(dates), CounterfactualConfig()
    logit_sd = torch.tensor(weights.calibration.logit_sd)
    index = spectral_index(attention, logit_sd)
    kernel = DayKernel.of(days, width=config.width).to(index)
    score = make_score("counterfactual", attention, logit_sd, days)
    fit, seen = observations.project(config.sharpness * index[None])[:, 0], observations.seen()
    evidence = score(observations)
    windows = evidence.unflatten(-1, (SIDE, -1))
    judge = fit_judge(windows[:, :, None], weights.calibration, "counterfactual", dates=dates)
    assert isinstance(judge, JointJudge)
    planes = judge.planes(windows)

    def everything() -> torch.Tensor:
        made = judge.planes(score(observations)).unflatten(-1, (SIDE, -1))
        return judge.percent(made, "cloud")

    projections = torch.randn(7, len(attention.bands))
    return {
        "dn to 7 series": lambda: observations.project(projections),
        "trust": lambda: TrustedDates.settle(fit, seen, kernel, rounds=config.rounds),
        "evidence, with these": lambda: score(observations),
        "planes": lambda: judge.planes(evidence),
        "percent": lambda: judge.percent(planes, "cloud"),
        "judgement": lambda: judge(planes),
        "classes": lambda: judge(planes).classes(),
        "dn to percent": everything,
    }


def fastest(step: Callable[[], Any], runs: int) -> float:
    """Seconds of the fastest of some runs."""
    seconds = []
    for _ in range(runs + 1):
        start = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - start)
    return min(seconds[1:])


def main(
    dates: Annotated[list[int] | None, typer.Option(help="Lengths of series.")] = None,
    hidden: Annotated[float, typer.Option(help="Share of pixel-dates that are not valid.")] = 0.0,
    runs: Annotated[int, typer.Option(help="Of each step.")] = 20,
) -> None:
    """Print the table."""
    torch.set_num_threads(1)
    weights = load_weights(default_weights())
    attention = fold(weights.model).to(torch.device("cpu"), torch.float32)
    lengths = dates or [24, 60, 500]
    found = {
        length: {
            name: fastest(step, runs) / (length * BATCH) * 1e9
            for name, step in steps(weights, attention, length, hidden).items()
        }
        for length in lengths
    }
    table = Table("ns per pixel-date and core", *[f"{length} dates" for length in lengths])
    for name in found[lengths[0]]:
        table.add_row(name, *[f"{found[length][name]:.1f}" for length in lengths])
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
