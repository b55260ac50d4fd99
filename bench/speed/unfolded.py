"""How fast attention that cannot be folded is scored, and whether torch.compile would help.

    python bench/speed/unfolded.py

Of reflectance drawn in memory, by networks with random weights, in one thread; `--device cuda` on
a GPU. A response is what all heads together answer to every date of 1,024 pixels; a score asks for
four of them, beside the clear skies between. "layers" are the network's own, from embedding to
logits, which the original one has for 24 of the dates alone. "compiled" is the same response given
to torch.compile, which needs a C++ compiler, with the seconds that its first call takes: fewer
where torch has kept what it compiled before. Each figure is the fastest of several runs; on a CPU
in its own seconds. The last rows are of a model that is folded.
"""

import shutil
import time
from collections.abc import Callable
from typing import Annotated

import numpy as np
import torch
import typer
from rich.console import Console
from rich.table import Table
from torch import Tensor

from am4cm_cli.devices import pick_device
from am4cm_cli.models import PixelModel, build
from am4cm_cli.nonlinear import NonlinearAttention, read_attention
from am4cm_cli.scores import Observations, make_score
from am4cm_cli.scores.network import WIDTH
from am4cm_cli.sensors import LAND_BANDS

BATCH = 4096
RUNS = 7
CLASSES = ("maize", "rape")


def model_of(name: str) -> PixelModel:
    """An untrained model on ten bands."""
    torch.manual_seed(0)
    moments = {"mean": (0.15,) * len(LAND_BANDS), "std": (0.1,) * len(LAND_BANDS)}
    return build(name, bands=LAND_BANDS, classes=CLASSES, **moments).eval()


def seconds(work: Callable[[], object], device: torch.device) -> float:
    """The fastest of several runs, after one that does not count."""
    # A processor's own seconds, since others may be at work on it.
    clock = time.perf_counter if device.type == "cuda" else time.process_time
    found = []
    for _ in range(1 + RUNS):
        start = clock()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        found.append(clock() - start)
    return min(found[1:])


def layers(model: PixelModel, reflectance: Tensor) -> Callable[[], object]:
    """The network's own way to the logits of (T, B, P) reflectance."""
    series = reflectance.permute(2, 0, 1).contiguous()
    day = torch.full(series.shape[:2], 150.0, device=series.device)
    valid = torch.ones_like(day, dtype=torch.bool)
    return lambda: model.observed_logits(series, day, valid)


def compiled(attention: NonlinearAttention) -> Callable[[Tensor], Tensor]:
    """All dates at once, for the compiler to cut up and fuse as it sees fit."""
    weight, index, bend = attention.units.weight, attention.weight.mean(0), attention.units.bend

    def respond(reflectance: Tensor) -> Tensor:
        units = torch.einsum("ub,tbp->utp", weight[:, :-1], reflectance)
        return torch.einsum("u,utp->tp", index, bend(units + weight[:, -1, None, None]))

    made: Callable[[Tensor], Tensor] = torch.compile(respond, dynamic=False)
    return made


@torch.inference_mode()
def rates(name: str, dates: int, device: torch.device, *, compiling: bool) -> list[str]:
    """Million pixel-dates a second by layers, response, compiled response and whole score."""
    model = model_of(name).to(device)
    attention = read_attention(model).to(device, torch.float32)
    generator = torch.Generator().manual_seed(0)
    # Too dark for snow, which few series hold.
    x = 0.09 * torch.rand(dates, len(LAND_BANDS), BATCH, generator=generator).to(device)
    few = x[..., :WIDTH].contiguous()
    days = 17_532 + np.linspace(0, 365, dates).astype(np.int64)
    score = make_score("counterfactual", attention, torch.ones(len(attention.bias)), days)
    seen = Observations.of_reflectance(x, torch.ones(dates, BATCH, dtype=torch.bool, device=device))

    def rate(work: Callable[[], object], pixels: int = WIDTH) -> str:
        return f"{dates * pixels / seconds(work, device) / 1e6:.2f}"

    responses = ["", "", ""]
    if isinstance(attention, NonlinearAttention):
        index = attention.weight.mean(0)[None]
        responses[0] = rate(lambda: attention.units.project(few, index))
        if compiling:
            respond = compiled(attention)
            start = time.perf_counter()
            expected = attention.units.project(few, index)[:, 0]
            torch.testing.assert_close(respond(few), expected, atol=1e-4, rtol=1e-4)
            took = time.perf_counter() - start
            responses[1:] = f"{took:.1f}", rate(lambda: respond(few))
    return [
        name,
        str(dates),
        rate(layers(model, few)),
        *responses,
        rate(lambda: score(seen), BATCH),
    ]


def main(
    device: Annotated[str, typer.Option(help="cpu, cuda.")] = "cpu",
    dates: Annotated[list[int] | None, typer.Option(help="Of a year.")] = None,
) -> None:
    """Print the table."""
    torch.set_num_threads(1)
    compiling = shutil.which("c++") is not None
    first = "compiling, s" if compiling else "no c++"
    table = Table("model", "dates", "layers", "response", first, "compiled", "score")
    for name in ("mlp", "compat-9k", "ltae"):
        for count in dates or [24, 60]:
            table.add_row(*rates(name, count, pick_device(device), compiling=compiling))
    console = Console()
    console.print("Million pixel-dates a second")
    console.print(table)


if __name__ == "__main__":
    typer.run(main)
