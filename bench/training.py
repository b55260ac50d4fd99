"""How fast training is: the loader against the bare steps, and an epoch of the whole of PASTIS.

    python bench/training.py                                    # CPU, resident and streamed
    python bench/training.py --device cuda --batch 16384 --series 39000000 --epoch

Series are random, of 48 dates and ten bands. Each round trains for some steps as `am4cm train`
does, from the whole of the series, then takes as many steps on one batch that is there already;
rounds alternate, so that whatever else the machine does slows both. Those steps hide and shade
dates and add noise as training does; a second figure is against steps on a batch hardened
beforehand.
"""

import os
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Annotated

import numpy as np
import torch
import typer
from rich.console import Console
from rich.table import Table

from am4cm_cli.chance import Draws
from am4cm_cli.datasets.batches import Batch, ResidentSeries, Series, StreamedSeries
from am4cm_cli.datasets.pixels import PixelSeries, open_fold
from am4cm_cli.datasets.writer import PreparedWriter
from am4cm_cli.devices import pick_device
from am4cm_cli.models import build
from am4cm_cli.ranks import Ranks
from am4cm_cli.sensors import LAND_BANDS
from am4cm_cli.training import TrainConfig
from am4cm_cli.training.augmentation import harden
from am4cm_cli.training.fitting import Task, class_weights, new_state, run_epoch, train_step

BLOCK = 500_000
CLASSES = tuple(f"class {number}" for number in range(19))
YEAR = 17_775 + np.arange(420)


def write_block(folder: Path, *, series: int, dates: int) -> PixelSeries:
    """Random series in files, as prepared data are, each with one of a hundred calendars."""
    rng = np.random.default_rng(0)
    calendars = [np.sort(rng.choice(YEAR, dates, replace=False)) for _ in range(100)]
    with PreparedWriter(folder, bands=len(LAND_BANDS), calendars={1: calendars}) as writer:
        for calendar, pixels in enumerate(np.array_split(np.arange(series), len(calendars))):
            writer.add(
                fold=1,
                calendar=calendar,
                reflectance=rng.integers(
                    0, 10_000, (len(pixels), dates, len(LAND_BANDS)), dtype=np.int16
                ),
                target=rng.integers(len(CLASSES), size=len(pixels)),
                group=np.full(len(pixels), calendar),
                pixel=pixels,
            )
        writer.finish(bands=LAND_BANDS, classes=CLASSES, sources=("random",), grouping="patch")
    return open_fold(folder, 1)


def repeated(block: PixelSeries, *, series: int) -> list[PixelSeries]:
    """So many series, of which the host holds no more than one block."""
    assert series % len(block.target) == 0
    return [block] * (series // len(block.target))


class Bench:
    """A model and its steps on some series."""

    def __init__(self, data: Series, config: TrainConfig, ranks: Ranks) -> None:
        self.task = Task(
            train=data, validation=data, classes=len(CLASSES), config=config, ranks=ranks
        )
        facts = {"mean": (0.5,) * len(LAND_BANDS), "std": (0.3,) * len(LAND_BANDS)}
        model = build(config.model, bands=LAND_BANDS, classes=CLASSES, **facts)
        self.state = new_state(model.to(ranks.device), config)
        self.weight = class_weights(self.task)
        self.state.model.train()

    def epoch(self) -> None:
        """Train on every series once; ends when the device has."""
        run_epoch(self.state, self.task, iter(range(self.task.steps_per_epoch)), self.weight)

    def steps(self, batch: Batch, number: int) -> None:
        """Take so many steps on one batch; ends when the device has."""
        losses = [
            train_step(self.state, self.task, batch, step=step, weight=self.weight)
            for step in range(number)
        ]
        torch.stack(losses).mean().item()


def seconds(action: Callable[[], None]) -> float:
    """Time one call."""
    began = perf_counter()
    action()
    return perf_counter() - began


def compare(data: Series, config: TrainConfig, ranks: Ranks, *, spend: float) -> list[str]:
    """A row of the table: series per second, and its share of two kinds of bare steps."""
    whole = Bench(data, config, ranks)
    bare = Bench(data, replace(config, drop_dates=0.0, noise=0.0, shade=0.0), ranks)
    batch = data.batch(torch.arange(config.batch))
    draws = Draws(series=batch.series, seed=0, epoch=0)
    hard = harden(batch, config, draws, mean=bare.state.model.mean)
    number = whole.task.steps_per_epoch
    actions = (whole.epoch, lambda: whole.steps(batch, number), lambda: bare.steps(hard, number))
    times = []
    until = perf_counter() + spend
    for turn in count():
        # Each begins a round in its turn: who follows whom matters to caches.
        order = np.roll(range(len(actions)), turn)
        taken = {place: seconds(actions[place]) for place in order.tolist()}
        row = [taken[place] for place in range(len(actions))]
        if turn:  # the first warms up
            times.append(row)
        if len(times) > 2 and perf_counter() > until:
            break
    seen = np.array(times)
    rate = len(data) / np.median(seen[:, 0])
    shares = np.median(seen[:, 1:] / seen[:, :1], axis=0)  # by round: moods of the machine cancel
    return [f"{rate:,.0f}", *(f"{share:.3f}" for share in shares), str(len(times))]


def main(
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    model: Annotated[str, typer.Option(help="As in am4cm train.")] = "ltae",
    batch: Annotated[int, typer.Option(help="Series per step.")] = 512,
    dates: Annotated[int, typer.Option(help="Of each series.")] = 48,
    steps: Annotated[int, typer.Option(help="Per round.")] = 10,
    spend: Annotated[float, typer.Option(help="Seconds per row.")] = 40,
    series: Annotated[int, typer.Option(help="Of the epoch, in whole blocks of 500,000.")] = BLOCK,
    epoch: Annotated[bool, typer.Option("--epoch", help="Time an epoch over --series.")] = False,
) -> None:
    """Print the table, and the time of an epoch if asked."""
    ranks = Ranks(device=pick_device(device))
    config = TrainConfig(batch=batch, model=model, epochs=1)
    kind = torch.cuda.get_device_name() if ranks.device.type == "cuda" else "CPU"
    threads = f"{torch.get_num_threads()} of {os.cpu_count()} cores"
    print(f"{kind}, {threads}, torch {torch.__version__}, model {model}, batch {batch}")
    table = Table("series", "series/s", "of its steps", "of steps hardened before", "rounds")
    with TemporaryDirectory() as folder:
        block = write_block(Path(folder), series=batch * steps, dates=dates)
        for name, kind_of in (("resident", ResidentSeries), ("streamed", StreamedSeries)):
            data = kind_of([block], ranks.device)
            table.add_row(name, *compare(data, config, ranks, spend=spend))
    Console().print(table)
    if epoch:
        time_epoch(series, dates, config, ranks)


def time_epoch(series: int, dates: int, config: TrainConfig, ranks: Ranks) -> None:
    """Train once over so many resident series."""
    with TemporaryDirectory() as folder:
        block = write_block(Path(folder), series=BLOCK, dates=dates)
        data = ResidentSeries(repeated(block, series=series), ranks.device)
    bench = Bench(data, config, ranks)
    bench.steps(data.batch(torch.arange(config.batch)), 5)  # warms up
    taken = seconds(bench.epoch)
    rate = f"{series / taken:,.0f} series/s"
    print(f"an epoch over {series:,} series of {dates} dates: {taken:.1f} s, {rate}")


if __name__ == "__main__":
    typer.run(main)
