"""A few dates of the stack as the arrays that peers are given.

    python -m bench.speed.peer_arrays build/speed/stacks l1c.npz --chain l1c --side 2048

Only these dates of the simulated stack are brought to size.
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import numpy as np
import typer
from bench.peers.arrays import read_series
from bench.speed.stacks import SIMULATED, simulated, write_large

from am4cm_cli.stacks.discovery import find_stack

METRES = 10
LEVELS = {"sen2cor": "L2A", "l1c": "L1C"}


def main(
    folder: Annotated[Path, typer.Argument(help="Folder of all stacks.")],
    out: Annotated[Path, typer.Argument(help="npz to write.")],
    chain: Annotated[str, typer.Option(help="sen2cor or l1c.")] = "sen2cor",
    side: Annotated[int, typer.Option(help="In pixels.")] = 2048,
    dates: Annotated[int, typer.Option(help="Of the whole stack.")] = 24,
    few: Annotated[int, typer.Option(min=1, help="Dates to write, evenly spread.")] = 1,
    simulated_side: Annotated[int, typer.Option(help="In pixels.")] = SIMULATED,
) -> None:
    """Write a few dates; a peer's work on one is the same as on the next."""
    images = simulated(folder, dates=dates, chain=chain, size=simulated_side)
    places = np.linspace(0, len(images) - 1, few + 2)[1:-1].round().astype(int)
    with TemporaryDirectory(dir=folder) as name:
        large = write_large([images[place] for place in places], Path(name), (side, side))
        listed = Path(name) / "few.txt"
        listed.write_text("".join(f"{path.resolve()}\n" for path in large))
        np.savez(out, **read_series(find_stack(listed), LEVELS[chain], METRES))


if __name__ == "__main__":
    typer.run(main)
