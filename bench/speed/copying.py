"""Memory bandwidth, by a plain copy on as many threads as there are.

    python -m bench.speed.copying out.json --threads 2

Bytes read and bytes written both count. It bounds whatever touches its numbers once.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from bench.speed.answers import seconds_of, write_answer
from numpy.typing import NDArray

BYTES = 512 * 2**20
"""Of either array: more than any cache holds."""
ROUNDS = 5
"""The fastest counts: what disturbs a copy only ever slows it."""


def copy_rate(*, size: int, threads: int) -> float:
    """Bytes a second, read and written, in the fastest of ROUNDS copies of an array."""
    source, target = np.ones(size, np.uint8), np.zeros(size, np.uint8)
    parts = zip(np.array_split(target, threads), np.array_split(source, threads), strict=True)
    pairs = list(parts)
    with ThreadPoolExecutor(threads) as pool:
        rounds = [seconds_of(lambda: list(pool.map(_copy, pairs))) for _ in range(ROUNDS)]
    assert (target == 1).all()
    return 2 * size / min(rounds)


def _copy(pair: tuple[NDArray[np.uint8], NDArray[np.uint8]]) -> None:
    target, source = pair
    np.copyto(target, source)


def main(
    out: Annotated[Path, typer.Argument(help="JSON to write.")],
    threads: Annotated[int, typer.Option(min=1)] = os.cpu_count() or 1,
    size: Annotated[int, typer.Option(help="Bytes of an array.")] = BYTES,
) -> None:
    """Measure once."""
    write_answer(out, {"bytes_per_second": copy_rate(size=size, threads=threads)})


if __name__ == "__main__":
    typer.run(main)
