"""How masking and decoding scale: with pixels, dates, cores and workers.

    python -m bench.speed.scaling build --sides 512,1024,2048 --spans 6,24,96 --cores 1,2

Along each axis the other sizes stand still, decoding and masking take turns, and the stack is that
of stacks.py; longer series are its files under more dates. Workers are those of `am4cm mask --dask
local:N`, where it has that option. Writes build/speed/scaling.json.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer
from bench.peers.speed import run
from bench.speed.answers import write_answer
from bench.speed.programs import (
    Setting,
    known_options,
    mask_command,
    module,
    on_cores,
)
from bench.speed.turns import make_stack

_MOST = os.cpu_count() or 1
POWERS = ",".join(str(n) for n in sorted({min(2**power, _MOST) for power in range(8)}))
"""Powers of two up to the number of cores, and that number itself."""


@dataclass(frozen=True, kw_only=True)
class Point:
    """What to time once."""

    axis: str
    """pixels, dates, cores or workers."""
    side: int
    dates: int
    cores: int
    workers: int = 0
    """0: no cluster."""

    @property
    def value(self) -> int:
        """Where on its axis."""
        sizes = {"pixels": self.side**2, "dates": self.dates, "cores": self.cores}
        return sizes.get(self.axis, self.workers)


@dataclass(frozen=True, kw_only=True)
class Axes:
    """What to try along each axis."""

    sides: tuple[int, ...]
    dates: tuple[int, ...]
    cores: tuple[int, ...]
    workers: tuple[int, ...]

    def points(self, *, side: int, dates: int) -> Iterator[Point]:
        """All points; where an axis does not vary, `side`, `dates` and the most cores."""
        most = max(self.cores)
        for each in self.sides:
            yield Point(axis="pixels", side=each, dates=dates, cores=most)
        for each in self.dates:
            yield Point(axis="dates", side=side, dates=each, cores=most)
        for each in self.cores:
            yield Point(axis="cores", side=side, dates=dates, cores=each)
        for each in self.workers:
            yield Point(axis="workers", side=side, dates=dates, cores=most, workers=each)


def time_point(setting: Setting, point: Point, images: Path) -> dict[str, object]:
    """Decode and mask once; seconds of decoding alone and of the whole of masking."""
    answer = setting.folder / "scaling-decode.json"
    decoding = module("decoding", images, answer, "--threads", point.cores)
    run(on_cores(decoding, point.cores))
    options: list[object] = ["--threads", point.cores]
    if point.workers:
        options += ["--dask", f"local:{point.workers}"]
    masking = mask_command(images, setting.folder / "scaling-mask.tif", *options)
    mask = run(on_cores(masking, point.cores))
    decode = json.loads(answer.read_text())
    return {
        **asdict(point),
        "value": point.value,
        "pixel_dates": decode["pixel_dates"],
        "decode": decode["seconds"],
        "mask": mask["seconds"],
        "peak": mask["peak"],
    }


def stack_of(setting: Setting, point: Point, simulated: tuple[int, int]) -> Path:
    """The stack of a point, from so many simulated pixels a side and dates."""
    size, dates = simulated
    words = ["--side", point.side, "--dates", dates, "--simulated-side", size]
    return make_stack(setting, *words, "--linked", point.dates)


def numbers(text: str) -> tuple[int, ...]:
    """Numbers with commas between them; none for nothing."""
    return tuple(int(word) for word in text.split(",") if word)


def main(
    build: Annotated[Path, typer.Argument(help="What is made goes to its folder speed.")],
    sides: Annotated[str, typer.Option(help="In pixels.")] = "512,1024,2048",
    spans: Annotated[str, typer.Option(help="Dates of the series.")] = "6,24,96",
    cores: Annotated[str, typer.Option(help="That programs may run on.")] = POWERS,
    workers: Annotated[str, typer.Option(help="Of a local cluster.")] = "1,2",
    turns: Annotated[int, typer.Option(min=1)] = 2,
    side: Annotated[int, typer.Option(help="Where pixels don't vary.")] = 1024,
    dates: Annotated[int, typer.Option(help="To simulate, and where dates don't vary.")] = 24,
    simulated: Annotated[int, typer.Option(help="Side of what is simulated.")] = 512,
) -> None:
    """Measure, and write what was found."""
    setting = Setting(build=build, cores=max(numbers(cores)))
    there = numbers(workers) if "dask" in known_options() else ()
    axes = Axes(sides=numbers(sides), dates=numbers(spans), cores=numbers(cores), workers=there)
    points = list(axes.points(side=side, dates=dates))
    stacks = [stack_of(setting, point, (simulated, dates)) for point in points]
    found = [
        {"turn": turn, **time_point(setting, point, images)}
        for turn in range(turns)
        for point, images in zip(points, stacks, strict=True)
    ]
    facts = {"side": side, "dates": dates, "points": found}
    write_answer(setting.folder / "scaling.json", facts)


if __name__ == "__main__":
    typer.run(main)
