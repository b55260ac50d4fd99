"""The network itself over every pixel-date, as a mask by raw attention would run it.

    python -m bench.speed.network build/speed/stacks/sen2cor-2048x2048-24 out.json

The default weights' L-TAE in torch, unfolded: embedding, keys, logits and the softmax over dates,
and nothing after these, since a mask by attention needs no classes. Pixels lie in memory as the
network wants them. The largest batch is not the fastest, so a few are tried first.
"""

from functools import partial
from pathlib import Path
from typing import Annotated

import torch
import typer
from bench.speed.answers import seconds_of, write_answer
from rasterio.windows import Window
from torch import Tensor

from am4cm_cli.days import day_of_year
from am4cm_cli.models.ltae import LTAE, attend
from am4cm_cli.rasters.reading import read_window
from am4cm_cli.stacks.discovery import find_stack
from am4cm_cli.weights import load_weights
from am4cm_cli.weights_header import default_weights

BATCHES = (64, 256, 1024, 4096)
"""Pixels at a time."""


@torch.inference_mode()
def raw_attention(
    model: LTAE, reflectance: Tensor, days: Tensor, valid: Tensor, *, batch: int
) -> Tensor:
    """Attention that each date gets, (P, T), the mean over heads.

    Args:
        model: in evaluation mode.
        reflectance: (P, T, B).
        days: (P, T) of the year.
        valid: (P, T) bool.
        batch: pixels at a time.
    """
    parts = zip(*(each.split(batch) for each in (reflectance, days, valid)), strict=True)
    found = [
        attend(model.attention_logits(model.embed(x, day, seen)), seen).mean(0)
        for x, day, seen in parts
    ]
    return torch.cat(found)


def series(images: Path, bands: tuple[str, ...], *, pixels: int) -> tuple[Tensor, Tensor, Tensor]:
    """Read the upper left pixels of a stack, at most so many, as `raw_attention` takes them."""
    stack = find_stack(images)
    side = min(int(pixels**0.5), *stack.grid.shape)
    reflectance, valid = read_window(stack, bands, Window(0, 0, side, side))
    seen = torch.from_numpy(valid).flatten(1).T.contiguous()
    day = torch.from_numpy(day_of_year(stack.days)).expand(seen.shape).contiguous()
    return torch.from_numpy(reflectance).flatten(2).permute(2, 0, 1).contiguous(), day, seen


def main(
    images: Annotated[Path, typer.Argument(help="Folder of a stack.", exists=True)],
    out: Annotated[Path, typer.Argument(help="JSON to write.")],
    pixels: Annotated[int, typer.Option(help="Of each date; all cost the same.")] = 2**17,
) -> None:
    """Run once, with the best of a few batches."""
    model = load_weights(default_weights()).model.eval()
    assert isinstance(model, LTAE)
    given = series(images, model.config.bands, pixels=pixels)
    few = [each[: max(BATCHES)] for each in given]
    tried = {n: seconds_of(partial(raw_attention, model, *few, batch=n)) for n in BATCHES}
    batch = min(tried, key=lambda n: tried[n])
    seconds = seconds_of(lambda: raw_attention(model, *given, batch=batch))
    facts = {"seconds": seconds, "pixel_dates": given[1].numel(), "batch": batch}
    write_answer(out, facts)


if __name__ == "__main__":
    typer.run(main)
