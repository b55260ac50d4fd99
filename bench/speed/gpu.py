"""What a GPU does with a mask, and what it waits for; says so in one line where there is none.

    python -m bench.speed.gpu build --side 2048 --dates 24

Pixel-dates a second with a stack's numbers already on the GPU; what its copy engines carry to and
from pinned memory, as a rate and as the pixel-dates that it allows; `am4cm mask` from files, whole
process, on the GPU and on the CPU, taking turns; the share of masking in which the GPU does
nothing; and by how much percent differ from the CPU's, which should be 1 at most. Writes
build/speed/gpu.json.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import Annotated

import torch
import typer
from bench.peers.speed import run
from bench.speed.answers import seconds_of, write_answer
from bench.speed.in_memory import Fitted, fit
from bench.speed.programs import Setting, mask_command
from bench.speed.turns import make_stack
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from am4cm_cli.clock import Clock
from am4cm_cli.masking import mask_stack
from am4cm_cli.orders import MaskConfig, MaskFiles, Resources
from am4cm_cli.plan import OPEN_FILES
from am4cm_cli.rasters.ahead import window_reader
from am4cm_cli.rasters.reading import Numbers
from am4cm_cli.stacks.discovery import find_stack
from am4cm_cli.stacks.stack import Stack
from am4cm_cli.weights import load_weights
from am4cm_cli.weights_header import default_weights
from am4cm_cli.windows import tile_grid

ROUNDS = 5
COPIED = 2**30
"""Bytes of a copy that is timed."""
SIDE = 512
"""Of what is computed at a time, in pixels; the first of these is compared with the CPU's."""
THREADS = os.cpu_count() or 1


def settle(device: torch.device) -> None:
    """Wait until a device has done all it was asked."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def seconds_on(device: torch.device, action: Callable[[], object]) -> float:
    """Median seconds of ROUNDS calls, to the end of the device's work; one more warms up."""

    def whole() -> None:
        action()
        settle(device)

    return median([seconds_of(whole) for _ in range(ROUNDS + 1)][1:])


def resident_rate(fitted: Fitted, windows: Sequence[Numbers]) -> float:
    """Pixel-dates a second from numbers to percent, both on the scorer's device."""
    device = fitted.scorer.device
    lying = [tensors(numbers, device) for numbers in windows]

    def compute() -> None:
        for dn, valid in lying:
            fitted.percent(dn, valid)

    return sum(valid.numel() for _, valid in lying) / seconds_on(device, compute)


def tensors(numbers: Numbers, device: torch.device) -> tuple[Tensor, Tensor]:
    """A window's numbers and what is valid, on a device."""
    return torch.from_numpy(numbers.dn).to(device), torch.from_numpy(numbers.valid).to(device)


def read_all(stack: Stack, bands: tuple[str, ...]) -> list[Numbers]:
    """Read a whole stack window by window."""
    windows = list(tile_grid(stack.grid.shape, size=SIDE))
    with window_reader(
        stack, bands, threads=THREADS, open_files=OPEN_FILES, clock=Clock()
    ) as reader:
        return reader.read(windows)


def copy_rates(device: torch.device, *, size: int = COPIED) -> dict[str, float]:
    """Bytes a second to a GPU and back, from and to pinned memory."""
    host = torch.empty(size, dtype=torch.uint8, pin_memory=True)
    there = torch.empty(size, dtype=torch.uint8, device=device)
    ways = {"to": (there, host), "from": (host, there)}
    return {
        way: size / seconds_on(device, partial(to.copy_, source, non_blocking=True))
        for way, (to, source) in ways.items()
    }


def farthest(found: Tensor, other: Tensor) -> int:
    """Largest difference between uint8 percents; 255 where only one has an answer."""
    return int((found.short() - other.short()).abs().max())


def covered(intervals: Iterable[tuple[float, float]]) -> float:
    """Length that (start, end) intervals cover together."""
    total, reached = 0.0, float("-inf")
    for start, end in sorted(intervals):
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return total


def waiting_share(stack: Stack, out: Path, device: torch.device) -> float:
    """Share of the time of `mask_stack` in which a GPU neither computes nor copies."""
    weights, files = load_weights(default_weights()), MaskFiles(probability=out)
    resources = Resources(threads=THREADS)

    def mask() -> None:
        mask_stack(stack, files, weights, MaskConfig(), resources, device=device)

    with profile(activities=[ProfilerActivity.CUDA]) as watched:
        seconds = seconds_of(mask)
    ranges = [event.time_range for event in watched.events() if "CUDA" in str(event.device_type)]
    return 1 - covered((each.start, each.end) for each in ranges) / 1e6 / seconds


def whole_seconds(images: Path, out: Path, *, turns: int) -> dict[str, list[float]]:
    """Seconds of `am4cm mask` as a process, by device, turn by turn."""
    found: dict[str, list[float]] = {"cuda": [], "cpu": []}
    for _ in range(turns):
        for device, seconds in found.items():
            seconds.append(run(mask_command(images, out, "--device", device))["seconds"])
    return found


def measure(setting: Setting, images: Path, device: torch.device, turns: int) -> dict[str, object]:
    """Everything, by name."""
    stack, out = find_stack(images), setting.folder / "gpu-mask.tif"
    fitted, cpu = fit(stack, device), torch.device("cpu")
    # The same judge on both: what is compared is arithmetic.
    on_cpu = replace(fit(stack, cpu), judge=fitted.judge)
    windows = read_all(stack, fitted.scorer.bands)
    percent = [
        one.percent(*tensors(windows[0], where)).cpu()
        for one, where in ((fitted, device), (on_cpu, cpu))
    ]
    rates = copy_rates(device)
    return {
        "device": torch.cuda.get_device_name(device),
        "pixel_dates": sum(numbers.valid.size for numbers in windows),
        "resident": resident_rate(fitted, windows),
        "copies": rates,
        # Two bytes of every band to the GPU; one byte of percent back goes by another engine.
        "copy_limit": rates["to"] / (2 * len(fitted.scorer.bands)),
        "farthest": farthest(*percent),
        "whole": whole_seconds(images, out, turns=turns),
        "waiting": waiting_share(stack, out, device),
    }


def main(
    build: Annotated[Path, typer.Argument(help="What is made goes to its folder speed.")],
    side: Annotated[int, typer.Option(help="Of the stack, in pixels.")] = 2048,
    dates: Annotated[int, typer.Option(help="Of the stack.")] = 24,
    turns: Annotated[int, typer.Option(min=1)] = 3,
    simulated: Annotated[int, typer.Option(help="Side of what is simulated.")] = 512,
) -> None:
    """Measure, write and print what was found."""
    if not torch.cuda.is_available():
        print("No CUDA device: nothing measured.")
        return
    setting = Setting(build=build, cores=1)
    setting.folder.mkdir(parents=True, exist_ok=True)
    size = "--side", side, "--dates", dates, "--simulated-side", simulated
    found = measure(setting, make_stack(setting, *size), torch.device("cuda"), turns)
    write_answer(setting.folder / "gpu.json", found)
    for name, value in found.items():
        print(f"{name}: {value}")


if __name__ == "__main__":
    typer.run(main)
