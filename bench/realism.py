"""Real and simulated dates side by side: a picture sheet, and the bands' quantiles by class.

    python bench/realism.py ../shared/data/flanders-2018 docs/realism.png

The real series has clouds drawn by eye (eye.npz), the simulated ones their own truth. Both are
0 clear, 1 thick cloud, 2 thin cloud or haze, 3 shadow. The simulated stacks are of 2018, as most of
the real dates are, and have their cloudiness; nothing else is fitted to them here.
"""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated

import matplotlib.pyplot as plt
import numpy as np
import rasterio
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from am4cm_cli.sensors import LAND_BANDS
from am4cm_cli.simulation import SimulationConfig, simulate_scenes

CLASSES = {"clear": 0, "thick cloud": 1, "thin cloud": 2, "shadow": 3}
QUANTILES = (5, 25, 50, 75, 95)
BANDS = ("B02", "B03", "B04", "B05", "B08", "B11", "B12")

REAL = {
    "clear, April": "2018-04-21",
    "clear, July": "2018-07-05",
    "clear, October": "2018-10-13",
    "cumulus and shadow": "2018-08-14",
    "broken": "2018-04-16",
    "haze": "2018-06-15",
    "cirrus": "2018-08-12",
    "overcast": "2018-06-20",
}
"""Dates of flanders-2018 to show."""

LIKE = {
    "clear, April": ("clear", 4),
    "clear, July": ("clear", 7),
    "clear, October": ("clear", 10),
    "cumulus and shadow": ("cumulus", 8),
    "broken": ("broken", 4),
    "haze": ("haze", 6),
    "cirrus": ("cirrus", 8),
    "overcast": ("overcast", 6),
}
"""Kind of sky, and the month about which to look for it."""

TRUE, FALSE = ("B04", "B03", "B02"), ("B11", "B08", "B04")
BRIGHT = {TRUE: 0.3, FALSE: 0.5}
"""Reflectance that is drawn white."""

CLOUDY, DIM = ("broken", "overcast"), 3.0
"""Columns drawn this much darker, so that clouds show their shape."""


@dataclass(frozen=True, kw_only=True)
class Series:
    """Dates with their clouds known."""

    reflectance: NDArray[np.float32]
    """(T, B, Y, X)"""
    truth: NDArray[np.uint8]
    """(T, Y, X)"""
    dates: list[date]
    skies: list[str]
    """Kind of sky, empty where it is real."""


def main(
    folder: Annotated[Path, typer.Argument(help="flanders-2018, with eye.npz", exists=True)],
    out: Annotated[Path | None, typer.Argument(help="PNG to draw.")] = None,
    stacks: Annotated[int, typer.Option(help="Simulated stacks for the quantiles.")] = 6,
) -> None:
    """Print the quantiles of both, and draw both."""
    real = read_real(folder)
    made = [simulate(seed) for seed in range(stacks)]
    console = Console(width=120)
    for name, number in CLASSES.items():
        console.print(_table(name, _pixels([real], number), _pixels(made, number)))
    if out:
        draw(real, made[0], out)


def read_real(folder: Path) -> Series:
    """The images, and what was drawn by eye."""
    eye = np.load(folder / "eye.npz")
    paths = sorted((folder / "images").glob("*.tif"))
    images = []
    for path in paths:
        with rasterio.open(path) as image:
            images.append(image.read() / np.float32(10_000))
    return Series(
        reflectance=np.stack(images),
        truth=eye["labels"],
        dates=[day.item() for day in eye["dates"]],
        skies=[""] * len(images),
    )


def simulate(seed: int) -> Series:
    """A stack as dense and cloudy as the real one."""
    config = SimulationConfig(size=128, dates=96, seed=seed, cloudiness=0.58)
    scenes = list(simulate_scenes(config))
    return Series(
        reflectance=np.stack([np.clip(scene.reflectance, 1e-4, 6.5) for scene in scenes]),
        truth=np.stack([scene.truth for scene in scenes]),
        dates=[scene.time.date() for scene in scenes],
        skies=[scene.sky for scene in scenes],
    )


def _pixels(series: list[Series], number: int) -> NDArray[np.float32]:
    """(P, B) of a class."""
    return np.concatenate(
        [np.moveaxis(one.reflectance, 1, -1)[one.truth == number] for one in series]
    )


def _table(name: str, real: NDArray[np.float32], made: NDArray[np.float32]) -> Table:
    table = Table(title=f"{name}: real | simulated", title_justify="left")
    table.add_column("band")
    for quantile in QUANTILES:
        table.add_column(f"{quantile} %", justify="right")
    for band in BANDS:
        index = LAND_BANDS.index(band)
        both = (np.percentile(pixels[:, index], QUANTILES) for pixels in (real, made))
        cells = (f"{a:.3f} | {b:.3f}" for a, b in zip(*both, strict=True))
        table.add_row(band, *cells)
    return table


def draw(real: Series, made: Series, out: Path) -> None:
    """Eight real dates above eight simulated ones of like kinds, in true and false colour."""
    taken = {name: real.dates.index(date.fromisoformat(day)) for name, day in REAL.items()}
    alike = {name: _likest(made, *kind) for name, kind in LIKE.items()}
    figure, axes = plt.subplots(4, len(REAL), figsize=(16, 8.6), layout="constrained")
    for column, name in enumerate(REAL):
        for row, (series, index, bands) in enumerate(
            [
                (real, taken[name], TRUE),
                (made, alike[name], TRUE),
                (real, taken[name], FALSE),
                (made, alike[name], FALSE),
            ]
        ):
            axis = axes[row, column]
            image = series.reflectance[index] / (DIM if name in CLOUDY else 1.0)
            axis.imshow(_colour(image, bands), interpolation="nearest")
            axis.set(xticks=[], yticks=[])
            axis.set_title(f"{series.dates[index]}", fontsize=8)
        axes[0, column].set_title(f"{name}\n{real.dates[taken[name]]}", fontsize=9)
    labels = ("real\nB04 B03 B02", "simulated", "real\nB11 B08 B04", "simulated")
    for axis, label in zip(axes[:, 0], labels, strict=True):
        axis.set_ylabel(label)
    figure.suptitle("Real dates contain modified Copernicus Sentinel data 2018", fontsize=9)
    figure.savefig(out, dpi=90)


def _likest(made: Series, sky: str, month: int) -> int:
    """The date of a kind of sky nearest to the middle of a month."""
    kind = [index for index, name in enumerate(made.skies) if name == sky]
    wanted = date(made.dates[0].year, month, 15)
    return min(kind, key=lambda index: abs((made.dates[index] - wanted).days))


def _colour(image: NDArray[np.float32], bands: tuple[str, ...]) -> NDArray[np.float32]:
    """(64, 64, 3), as far as the real series reaches."""
    chosen = image[[LAND_BANDS.index(band) for band in bands], :64, :64]
    bright = np.clip(np.moveaxis(chosen, 0, -1) / BRIGHT[bands], 0, 1) ** 0.7
    return bright.astype(np.float32)


if __name__ == "__main__":
    typer.run(main)
