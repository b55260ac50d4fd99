"""Rate of `am4cm prepare` on PASTIS, over the rate at which the same process loads the same files.

    python bench/prepare.py                    # random files of PASTIS's exact layout
    python bench/prepare.py --pastis PASTIS    # a folder at hand
    python bench/prepare.py --cold             # from the disk, not from the system's cache
    python bench/prepare.py --pixels-per-patch 1024

Both take turns in one process, and what is compared is the median of the turns; checking the folder
counts as preparing. `np.load` only reads; beside it stands a plain copy, `np.load` and `np.save`,
which is what preparing would cost if turning images into series were free. The peak memory is that
of the command in a process of its own.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Annotated

import numpy as np
import typer

from am4cm_cli.commands.options import cores
from am4cm_cli.datasets.pastis.checking import check_pastis
from am4cm_cli.datasets.pastis.choice import PixelChoice
from am4cm_cli.datasets.pastis.layout import (
    ANNOTATIONS,
    FOLDS,
    IMAGES,
    METADATA,
    SIDE,
    VOID,
    images_name,
    target_name,
)
from am4cm_cli.datasets.pastis.preparing import open_run, prepare_run
from am4cm_cli.sensors import LAND_BANDS

FEWEST_DATES, MOST_DATES = 38, 61
"""Of PASTIS's patches."""
VOID_SHARE = 0.05
TOLD_PEAK = """
import sys
from am4cm_cli.app import main
sys.argv = ["am4cm", *sys.argv[1:]]
try:
    main()
finally:
    print(next(line.split()[1] for line in open("/proc/self/status") if "VmHWM" in line))
"""


def write_random(folder: Path, *, patches: int) -> Path:
    """Write a PASTIS folder of random numbers: its size and layout, and nothing to learn."""
    rng = np.random.default_rng(0)
    for name in (IMAGES, ANNOTATIONS):
        (folder / name).mkdir(parents=True)
    features = []
    for place in range(patches):
        number = 10000 + place
        dates = FEWEST_DATES + place * 7 % (MOST_DATES + 1 - FEWEST_DATES)
        shape = dates, len(LAND_BANDS), SIDE, SIDE
        np.save(folder / images_name(number), rng.integers(0, 12000, shape, dtype=np.int16))
        codes = rng.integers(0, VOID, (3, SIDE, SIDE), dtype=np.uint8)
        codes[0][rng.random((SIDE, SIDE)) < VOID_SHARE] = VOID
        np.save(folder / target_name(number), codes)
        features.append(feature(number, fold=FOLDS[place % len(FOLDS)], dates=dates))
    (folder / METADATA).write_text(json.dumps({"features": features}))
    return folder


def feature(number: int, *, fold: int, dates: int) -> dict[str, object]:
    """As much of a patch in the metadata as is read."""
    days = (np.datetime64("2018-09-24") + 5 * np.arange(dates)).astype(str)
    numbered = {str(place): int(day.replace("-", "")) for place, day in enumerate(days)}
    return {"properties": {"ID_PATCH": number, "Fold": fold, "dates-S2": numbered}}


def load(files: Sequence[Path]) -> None:
    """Read every file as NumPy does."""
    for path in files:
        np.load(path)


def copy(files: Sequence[Path], out: Path) -> None:
    """Read every file and write it again."""
    for path in files:
        np.save(out / path.name, np.load(path))


def prepare(pastis: Path, out: Path, *, choice: PixelChoice, workers: int) -> None:
    """Check and prepare the whole folder."""
    with open_run(check_pastis(pastis), out, choice) as run:
        prepare_run(run, workers=workers)


def forget(files: Sequence[Path]) -> None:
    """Make the system drop files from its cache, so that they come from the disk next time."""
    for path in files:
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def timed(task: Callable[[Path], None], folder: Path) -> tuple[float, float]:
    """Seconds on the clock, and seconds of all cores, for a task with an empty folder."""
    out = folder / "out"
    out.mkdir()
    wall, core = perf_counter(), process_time()
    task(out)
    seconds = perf_counter() - wall, process_time() - core
    shutil.rmtree(out)
    return seconds


def peak_megabytes(pastis: Path, out: Path, *, pixels_per_patch: int | None, workers: int) -> float:
    """Most memory that the command ever held."""
    words = ["prepare", pastis, out, "--workers", workers]
    if pixels_per_patch:
        words += ["--pixels-per-patch", pixels_per_patch]
    made = subprocess.run(
        [sys.executable, "-c", TOLD_PEAK, *map(str, words)], capture_output=True, check=True
    )
    return int(made.stdout) / 1024


def main(
    pastis: Annotated[Path | None, typer.Option(help="Folder to use, not a random one.")] = None,
    scratch: Annotated[Path | None, typer.Option(help="Where to write what is removed.")] = None,
    patches: Annotated[int, typer.Option(min=1, help="Random patches to make.")] = 40,
    workers: Annotated[int, typer.Option(min=1, help="Patches to read at once.")] = cores(),
    pixels_per_patch: Annotated[int | None, typer.Option(min=1, help="Default: all.")] = None,
    turns: Annotated[int, typer.Option(min=1)] = 5,
    cold: Annotated[bool, typer.Option("--cold", help="Read from the disk each time.")] = False,
) -> None:
    """Measure, and print what was measured."""
    with TemporaryDirectory(dir=scratch) as name:
        folder = Path(name)
        source = pastis or write_random(folder / "PASTIS", patches=patches)
        numbers = [patch.number for patch in check_pastis(source).patches]
        files = [source / name(number) for number in numbers for name in (images_name, target_name)]
        size = sum(path.stat().st_size for path in files)
        choice = PixelChoice(per_patch=pixels_per_patch)
        tasks: dict[str, Callable[[Path], None]] = {
            "np.load": lambda out: load(files),
            "np.load and np.save": lambda out: copy(files, out),
            "prepare": lambda out: prepare(source, out, choice=choice, workers=workers),
        }
        seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in tasks}
        for _ in range(turns):
            for name, task in tasks.items():
                forget(files) if cold else load(files)
                seconds[name].append(timed(task, folder))
        peak = peak_megabytes(
            source, folder / "peak", pixels_per_patch=pixels_per_patch, workers=workers
        )
    print(f"{len(numbers)} patches, {size / 1e6:.0f} MB, {workers} workers, {os.cpu_count()} cores")
    tell(seconds, size)
    print(f"peak memory of the command: {peak:.0f} MB")


def tell(seconds: dict[str, list[tuple[float, float]]], size: int) -> None:
    """Print rates and their ratios to the first."""
    first = median(wall for wall, _ in next(iter(seconds.values())))
    for name, turns in seconds.items():
        wall, core = (median(turn[kind] for turn in turns) for kind in (0, 1))
        print(
            f"{name:20} {wall:7.3f} s {size / wall / 1e6:6.0f} MB/s {core:7.3f} s of cores, "
            f"ratio {first / wall:.2f}"
        )
    load = os.getloadavg()[0]
    print(f"load of the machine in the last minute: {load:.1f}")


if __name__ == "__main__":
    typer.run(main)
