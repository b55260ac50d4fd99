"""`am4cm mask` stage by stage, in a process of its own.

    python -m bench.speed.stages build/speed/stacks/sen2cor-2048x2048-24-of-512 mask.tif out.json

Stages are the library's own, and one more, `start`: the interpreter, torch, the stack's headers and
the weights' file. `wall` is seconds as they passed in every thread, waiting for a core included,
`busy` what cores worked in them; stages run side by side, and `sample` decodes, too.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import torch
import typer
from bench.speed.answers import since_start, write_answer

from am4cm_cli.clock import Clock
from am4cm_cli.masking import mask_stack
from am4cm_cli.orders import MaskConfig, MaskFiles, Resources
from am4cm_cli.stacks.discovery import find_stack
from am4cm_cli.weights import load_weights
from am4cm_cli.weights_header import default_weights


@dataclass(frozen=True, kw_only=True)
class Began:
    """How long a process has been at it."""

    wall: float
    busy: float
    """Of all its cores."""


def began() -> Began:
    """Ask how long this process has been at it."""
    return Began(wall=since_start(), busy=time.process_time())


def main(
    images: Annotated[Path, typer.Argument(help="Folder of a stack.", exists=True)],
    mask: Annotated[Path, typer.Argument(help="Mask to write.")],
    out: Annotated[Path, typer.Argument(help="JSON to write.")],
    threads: Annotated[int, typer.Option(min=1)] = 1,
) -> None:
    """Mask once."""
    stack, weights, clock = find_stack(images), load_weights(default_weights()), Clock()
    start = began()
    files, resources = MaskFiles(probability=mask), Resources(threads=threads)
    device = torch.device("cpu")
    mask_stack(stack, files, weights, MaskConfig(), resources, device=device, clock=clock)
    end = began()
    found = {"wall": clock.wall, "busy": clock.busy}
    facts = {
        name: {"start": getattr(start, name), **stages, "the process": getattr(end, name)}
        for name, stages in found.items()
    }
    write_answer(out, facts)


if __name__ == "__main__":
    typer.run(main)
