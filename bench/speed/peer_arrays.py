"""A few dates of a stack as the arrays that peers are given.

python -m bench.speed.peer_arrays build/speed/stacks/l1c-2048x2048-24 L1C peers.npz --dates 1
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import numpy as np
import typer
from bench.peers.arrays import read_series

from am4cm_cli.stacks.discovery import find_stack

METRES = 10


def main(
    images: Annotated[Path, typer.Argument(help="Folder of a stack.", exists=True)],
    level: Annotated[str, typer.Argument(help="L1C or L2A.")],
    out: Annotated[Path, typer.Argument(help="npz to write.")],
    dates: Annotated[int, typer.Option(min=1)] = 1,
) -> None:
    """Write as many dates, evenly spread; a peer's work on one is the same as on the next."""
    paths = sorted(images.glob("*.tif"))
    places = np.linspace(0, len(paths) - 1, dates + 2)[1:-1].round().astype(int)
    with TemporaryDirectory() as folder:
        listed = Path(folder) / "few.txt"
        listed.write_text("".join(f"{paths[place].resolve()}\n" for place in places))
        np.savez(out, **read_series(find_stack(listed), level, METRES))


if __name__ == "__main__":
    typer.run(main)
