"""`am4cm mask` stage by stage, in a process of its own.

    python -m bench.speed.stages build/speed/stacks/sen2cor-2048x2048-24 mask.tif out.json

Start is the interpreter, torch, the stack's headers and the weights' file; "sample and fit" all
else that comes before the first window; decode ends with reflectance; write is of windows, COG of
overviews and the copy. A library that times its own stages replaces `mask_stages`, and nothing else
here.
"""

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from bench.speed.answers import Clock, since_start, write_answer
from bench.speed.in_memory import Fitted, fit
from numpy.typing import NDArray
from rasterio.windows import Window

from am4cm_cli.devices import pick_device
from am4cm_cli.layers import NODATA, encode_probability
from am4cm_cli.masking import tile_side
from am4cm_cli.rasters.cache import bounded_cache
from am4cm_cli.rasters.cogs import create_cog
from am4cm_cli.rasters.reading import read_window
from am4cm_cli.scores.neighbourhood import RIM
from am4cm_cli.stacks.discovery import find_stack
from am4cm_cli.stacks.stack import Stack
from am4cm_cli.windows import inside, tile_grid, with_rim


def mask_stages(stack: Stack, out: Path, clock: Clock, *, device: str) -> None:
    """Mask a stack as `am4cm mask` does, timed by stage."""
    with bounded_cache(), ExitStack() as open_raster:
        with clock.stage("sample and fit"):
            fitted = fit(stack, pick_device(device))
        raster = open_raster.enter_context(create_cog(out, **_facts(stack)))
        side = tile_side(len(stack.scenes), len(fitted.scorer.bands))
        for window in tile_grid(stack.grid.shape, size=side):
            percent = _percent(fitted, window, clock)
            with clock.stage("write"):
                raster.write(percent, window)
        with clock.stage("COG"):
            open_raster.close()


def _percent(fitted: Fitted, window: Window, clock: Clock) -> NDArray[np.uint8]:
    stack, bands = fitted.scorer.stack, fitted.scorer.bands
    wider = with_rim(window, stack.grid.shape, rim=RIM)
    with clock.stage("decode"):
        reflectance, valid = read_window(stack, bands, wider)
    with clock.stage("compute"):
        judgement = fitted.judge(fitted.scorer.evidence(reflectance, valid))
        rows, cols = inside(window, wider)
        return encode_probability(judgement.cloud[:, rows, cols].numpy(), "uint8")


def _facts(stack: Stack) -> dict[str, Any]:
    names = [scene.name for scene in stack.scenes]
    return {
        "grid": stack.grid,
        "dtype": "uint8",
        "nodata": NODATA["uint8"],
        "names": names,
        "tags": {},
    }


def main(
    images: Annotated[Path, typer.Argument(help="Folder of a stack.", exists=True)],
    mask: Annotated[Path, typer.Argument(help="Mask to write.")],
    out: Annotated[Path, typer.Argument(help="JSON to write.")],
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
) -> None:
    """Mask once."""
    stack, clock = find_stack(images), Clock()
    clock.add("start", since_start())
    mask_stages(stack, mask, clock, device=device)
    height, width = stack.grid.shape
    facts = {"seconds": since_start(), "pixel_dates": len(stack.scenes) * height * width}
    write_answer(out, {**facts, "stages": clock.seconds})


if __name__ == "__main__":
    typer.run(main)
