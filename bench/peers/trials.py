"""The shared series as trials: who can answer there, and what they are compared with."""

import csv
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from arrays import SERIES, UNNAMED, series_stack
from numpy.typing import NDArray
from quality import Trial
from rivals import (
    Rival,
    always,
    control,
    labels_of,
    on_common_pixels,
    own_masks,
    s2cloudless,
    scene_classes,
    ukis,
)

from am4cm_cli.classes import CLEAR, TARGETS, THICK, UNKNOWN
from am4cm_cli.sensors import BAND_METRES
from am4cm_cli.stacks.stack import Stack
from am4cm_cli.validation.classmaps import SCL_AS_MASK
from am4cm_cli.validation.references import read_reference

LETTERS = {"C": CLEAR, "K": THICK}
"""Of lazio-l1c's dates by eye; the others are in between."""
DISPUTED = (44, 49, 93)
"""Dates of flanders-2018, by place, that Sen2Cor calls cirrus where the eye sees nothing."""


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where things are."""

    shared: Path
    build: Path

    @property
    def s2cloudless(self) -> Path:
        """What it says of lazio-l1c."""
        return self.build / "s2cloudless.npz"

    def ukis(self, name: str) -> Path:
        """What ukis-csmask says of a series."""
        return self.build / "peers" / f"{name}-ukis.npz"


def make_mask(places: Places, name: str, *options: str) -> Path:
    """Make a mask of a series by `am4cm mask`, as a user would."""
    out = places.build / "peers" / f"{name}{'-'.join(options)}.tif"
    words = ["mask", places.shared / SERIES[name][0], out, "--overwrite", *options]
    if name in UNNAMED:
        words += ["--bands", ",".join(BAND_METRES)]
    subprocess.run([sys.executable, "-m", "am4cm_cli", *map(str, words)], check=True)
    return out


def own_rivals(places: Places, name: str) -> tuple[Stack, list[Rival]]:
    """Those that can answer everywhere, am4cm first."""
    stack = series_stack(places.shared, name)
    masks = {target: make_mask(places, name, "--target", target) for target in TARGETS}
    mask = own_masks(masks, stack)
    blue = control(make_mask(places, name, "--method", "blue"), stack)
    shape = mask.scores["cloud"].shape
    return stack, [mask, blue, always(shape), *ukis(places.ukis(name), stack)]


def trial(stack: Stack, rivals: list[Rival], labels: NDArray[np.uint8]) -> Trial:
    """Put rivals on the same pixels."""
    names = [scene.name for scene in stack.scenes]
    return Trial(rivals=on_common_pixels(rivals), labels=labels, dates=names)


def flanders(places: Places) -> Trial:
    """Labels by eye."""
    folder = places.shared / "flanders-2018"
    stack, rivals = own_rivals(places, "flanders-2018")
    classes = read_reference(folder / "scl", stack.grid, kind="scl", mapping=SCL_AS_MASK)
    by_eye = read_reference(folder / "eye.npz", stack.grid)
    return trial(stack, [*rivals, scene_classes(classes, stack)], labels_of(by_eye, stack))


def disputed(places: Places) -> tuple[str, ...]:
    """Names of the DISPUTED dates."""
    with np.load(places.shared / "flanders-2018" / "eye.npz") as file:
        return tuple(str(file["dates"][place]) for place in DISPUTED)


def lazio(places: Places) -> tuple[Trial, Trial]:
    """Letters of dates by eye; and the pixels that s2cloudless is sure of, for the others."""
    stack, rivals = own_rivals(places, "lazio-l1c")
    theirs = s2cloudless(places.s2cloudless, stack)
    sure = read_reference(places.s2cloudless, stack.grid)
    return (
        trial(stack, [*rivals, *theirs], by_letter(places.shared / "lazio-l1c", stack)),
        trial(stack, rivals, labels_of(sure, stack)),
    )


def by_letter(folder: Path, stack: Stack) -> NDArray[np.uint8]:
    """(T, Y, X) classes of whole dates."""
    with (folder / "visual_datelabels.csv").open() as file:
        letter = {row["date"]: row["label"] for row in csv.DictReader(file)}
    kinds = [LETTERS.get(letter[scene.name], UNKNOWN) for scene in stack.scenes]
    every = np.broadcast_to(
        np.array(kinds, np.uint8)[:, None, None], (len(kinds), *stack.grid.shape)
    )
    return every.copy()


def vosges(places: Places) -> Trial:
    """MAJA's mask."""
    stack, rivals = own_rivals(places, "vosges-theia")
    maja = read_reference(places.shared / "vosges-theia", stack.grid)
    return trial(stack, rivals, labels_of(maja, stack))


def iberia(places: Places, cube: str) -> Trial:
    """The cube's own quality band."""
    name = f"iberia-4band-{cube}"
    stack, rivals = own_rivals(places, name)
    quality = read_reference(places.shared / "iberia-4band" / cube / "quality.npz", stack.grid)
    return trial(stack, rivals, labels_of(quality, stack))
