"""docs/performance.md and its pictures, from what was measured.

    python -m bench.speed.page build docs/performance.md

page.md holds the words, and the sections that were measured by hand. What was not measured in this
folder is said to be open; no figure is older than its file.
"""

import json
import re
import textwrap
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import rasterio
import typer
from bench.peers.measured import machine
from bench.speed.charts import draw_limits, draw_scaling
from bench.speed.found import Turns, read_scaling, read_turns
from bench.speed.tables import (
    aims_table,
    digits,
    limits_table,
    markdown,
    scaling_table,
    speed_table,
    spread,
    stages_table,
)

from am4cm_cli import __version__
from am4cm_cli.weights import load_weights
from am4cm_cli.weights_header import default_weights

TEXT = Path(__file__).with_suffix(".md")
WIDTH = 100
NO_SCALING = "Not measured yet; `python -m bench.speed.scaling build` does."
NO_MEMORY = "Not measured yet; `make bench-memory` does."
NO_GPU = (
    "**No GPU was at hand.** `make bench-gpu` measures, on a machine with CUDA, pixel-dates a "
    "second with data resident and from files to file, the share of time that the GPU waits, what "
    "its copy engines carry, and if its percent are within 1 of the CPU's. These figures are open."
)


def versions(turns: Turns) -> str:
    """Of every program that was run."""
    weights = load_weights(default_weights())
    own = f"am4cm {__version__} with {weights.name} ({weights.sha256[:8]})"
    names = [f"{name} {version(name)}" for name in ("torch", "numpy", "rasterio")]
    peers = [f"{name} {text}" for name, text in turns.versions.items()]
    return "; ".join([own, *names, f"GDAL {rasterio.__gdal_version__}", *peers])


def load(folder: Path, name: str) -> dict[str, Any] | None:
    """Read what a script left, if it has run."""
    path = folder / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else None


def memory_part(found: Mapping[str, Any] | None) -> str:
    """Lines of memory.py."""
    if found is None:
        return NO_MEMORY
    lines = "\n".join(f"- {line}" for line in found["lines"])
    return (
        f"`make bench-memory`, {found['made']}: `am4cm mask --max-memory {found['limit']}`, peak "
        "resident memory of the process. Kept is what stays under the limit and 0.5 GB for Python, "
        f"torch and GDAL.\n\n{lines}"
    )


def gpu_part(found: Mapping[str, Any] | None) -> str:
    """What gpu.py found."""
    if found is None:
        return NO_GPU
    rate = found["pixel_dates"] / 1e6
    whole = {name: [rate / each for each in seconds] for name, seconds in found["whole"].items()}
    lines = [
        ["data resident on the GPU", digits(found["resident"] / 1e6)],
        ["all that its copy engine carries to it", digits(found["copy_limit"] / 1e6)],
        ["`am4cm mask --device cuda`, from files to file", spread(whole["cuda"])],
        ["the same on the CPU of that machine", spread(whole["cpu"])],
    ]
    copies = " and ".join(
        f"{each / 1e9:.1f} GB/s {way} it" for way, each in found["copies"].items()
    )
    waiting = f"{100 * found['waiting']:.0f} %"
    return (
        f"`make bench-gpu`, {found['made']}, {found['device']}:\n\n"
        f"{markdown(['', 'million pixel-dates a second'], lines)}\n\n"
        f"Pinned memory: {copies}. While masking, the GPU waits for {waiting} of the "
        f"time. Percent differ by at most {found['farthest']} from the CPU's."
    )


def write_page(folder: Path, pictures: Path) -> str:
    """Fill the text, and draw."""
    turns = read_turns(folder)
    pictures.mkdir(parents=True, exist_ok=True)
    (pictures / "limits.png").write_bytes(draw_limits(turns))
    facts = turns.facts
    parts = {
        **{name: facts[name] for name in ("side", "dates", "cores", "simulated")},
        "peer_dates": f"{facts['peer_dates']} of the {facts['dates']} dates",
        "made": f"Made by `make bench`, {turns.made}: {machine()}. {versions(turns)}. Load of the "
        f"machine when it began: {facts['load_before']:.1f}.",
        "aims": aims_table(turns),
        "turns": len(turns.bandwidth),
        "stored": f"{turns.stored / 1e9:.2f} GB",
        "speed": speed_table(turns),
        "stages": stages_table(turns),
        "limits": limits_table(turns),
        "bandwidth": f"{np.median(turns.bandwidth) / 1e9:.1f} GB a second",
        "scaling": scaling_part(folder, pictures),
        "memory": memory_part(load(folder, "memory")),
        "gpu": gpu_part(load(folder, "gpu")),
    }
    return wrapped(TEXT.read_text().format(**parts))


def wrapped(page: str) -> str:
    """Break lines anew in paragraphs and lists; tables, headings and code stay as they are."""
    return "\n\n".join(map(_wrapped, page.split("\n\n")))


def _wrapped(block: str) -> str:
    if re.match(r"[|#!\s]|```", block):
        return block
    if not block.startswith("- "):
        return textwrap.fill(block, WIDTH, break_on_hyphens=False)
    items = re.split(r"\n(?=- )", block)
    how: dict[str, Any] = {"subsequent_indent": "  ", "break_on_hyphens": False}
    return "\n".join(textwrap.fill(" ".join(item.split()), WIDTH, **how) for item in items)


def scaling_part(folder: Path, pictures: Path) -> str:
    """The picture and the table of scaling.py."""
    found = load(folder, "scaling")
    if found is None:
        return NO_SCALING
    curves = read_scaling(folder)
    (pictures / "scaling.png").write_bytes(draw_scaling(curves))
    words = (
        f"Where they don't vary: {found['side']} x {found['side']} pixels, {found['dates']} dates, "
        "all cores. Longer series are the same files under more dates. Fewer cores are what the "
        "processes may run on. Starting takes its seconds whatever the size."
    )
    if "workers" not in curves:
        words += " Workers of a cluster are not measured."
    return f"![Scaling](performance/scaling.png)\n\n{words}\n\n{scaling_table(curves)}"


def main(
    build: Annotated[Path, typer.Argument(help="Holds the folder speed.", exists=True)],
    out: Annotated[Path, typer.Argument(help="Page to write.")],
) -> None:
    """Write the page."""
    out.write_text(write_page(build / "speed", out.with_suffix("")))


if __name__ == "__main__":
    typer.run(main)
