"""Every method's answers on one series, side by side: am4cm's, its control's and its peers'."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from am4cm_cli.classes import TARGETS, UNKNOWN
from am4cm_cli.rasters.masks import open_mask, read_numbers
from am4cm_cli.stacks.stack import Stack
from am4cm_cli.validation.matching import match
from am4cm_cli.validation.references import Reference

Scores = NDArray[np.floating]
"""(T, Y, X), NaN for no answer."""

AM4CM = "am4cm"
CONTROL = "blue control"
ALWAYS = "always flag"
EVEN = 0.5
S2CLOUDLESS = 0.4
"""The threshold of s2cloudless; its masks are made with it, too."""
UKIS_CLOUD, UKIS_SHADOW = 1, 2
UKIS_TARGETS = {"cloud": (UKIS_CLOUD,), "unusable": (UKIS_CLOUD, UKIS_SHADOW)}
UKIS_KINDS = {"pixels as they are": "", "at 30 m": "_30m"}


@dataclass(frozen=True, kw_only=True)
class Rival:
    """One method on one series."""

    name: str
    scores: Mapping[str, Scores]
    """By target. A method that answers yes or no has 1 and 0."""
    threshold: float = EVEN
    is_graded: bool = False
    """Whether scores lie between yes and no, so that an area under the curve has a meaning."""

    def flags(self, target: str) -> NDArray[np.bool_]:
        """(T, Y, X) what it calls cloudy, False for no answer."""
        flagged: NDArray[np.bool_] = self.scores[target] >= self.threshold - 1e-9
        return flagged


def whole(stack: Stack) -> Window:
    """The window of all pixels."""
    height, width = stack.grid.shape
    return Window(0, 0, width, height)


def labels_of(reference: Reference, stack: Stack) -> NDArray[np.uint8]:
    """(T, Y, X) classes at the stack's scenes, UNKNOWN where the reference lacks the date."""
    names = [scene.name for scene in stack.scenes]
    there = dict(match(names, reference.names).pairs)
    nothing = np.full(stack.grid.shape, UNKNOWN, np.uint8)
    return np.stack(
        [reference.read(there[name], whole(stack)) if name in there else nothing for name in names]
    )


def own_masks(masks: Mapping[str, Path], stack: Stack) -> Rival:
    """What `am4cm mask` wrote, one file per target."""
    scores = {target: read_mask(path, stack, target) for target, path in masks.items()}
    return Rival(name=AM4CM, scores=scores, is_graded=True)


def control(mask: Path, stack: Stack) -> Rival:
    """The same smoothing of the blue band alone, with no network; it knows no shadows."""
    scores = read_mask(mask, stack, "cloud")
    return Rival(name=CONTROL, scores=dict.fromkeys(TARGETS, scores), is_graded=True)


def read_mask(path: Path, stack: Stack, target: str) -> Scores:
    """(T, Y, X) probabilities that `am4cm mask` wrote of a whole, small, stack."""
    mask = open_mask(path)
    assert mask.names == tuple(scene.name for scene in stack.scenes)
    assert mask.tags.get("AM4CM_TARGET", "cloud") == target
    numbers, valid = read_numbers(mask, whole(stack))
    return np.where(valid, numbers / np.float64(mask.full), np.nan)


def always(shape: tuple[int, ...]) -> Rival:
    """Everything is cloud: what no skill at all is worth."""
    return Rival(name=ALWAYS, scores=dict.fromkeys(TARGETS, np.ones(shape)))


def scene_classes(reference: Reference, stack: Stack) -> Rival:
    """Sen2Cor's classes."""
    found = labels_of(reference, stack)
    scores = {
        target: np.where(found == UNKNOWN, np.nan, np.isin(found, kinds).astype(float))
        for target, kinds in TARGETS.items()
    }
    return Rival(name="Sen2Cor's SCL", scores=scores)


def s2cloudless(path: Path, stack: Stack) -> list[Rival]:
    """Its probability and its two masks; it knows no shadows."""
    names = {
        "probability": "s2cloudless, probability",
        "narrow_mask": "s2cloudless, mask by default",
        "wide_mask": "s2cloudless, mask of its example",
    }
    return [
        Rival(
            name=name,
            scores=dict.fromkeys(TARGETS, scores),
            threshold=S2CLOUDLESS,
            is_graded=key == "probability",
        )
        for key, name in names.items()
        for scores in [at_scenes(path, key, stack)]
    ]


def ukis(path: Path, stack: Stack) -> list[Rival]:
    """Its classes, and its own mask of all that is not valid, at both pixel sizes."""
    found = []
    for size, suffix in UKIS_KINDS.items():
        classes = at_scenes(path, f"classes{suffix}", stack)
        hidden = np.isnan(classes)
        scores = {
            target: np.where(hidden, np.nan, np.isin(classes, kinds).astype(float))
            for target, kinds in UKIS_TARGETS.items()
        }
        invalid = at_scenes(path, f"invalid{suffix}", stack)
        found.append(Rival(name=f"ukis-csmask, {size}, classes", scores=scores))
        found.append(
            Rival(name=f"ukis-csmask, {size}, not valid", scores=dict.fromkeys(TARGETS, invalid))
        )
    return found


def at_scenes(path: Path, key: str, stack: Stack) -> Scores:
    """Read (T, Y, X) of a peer's npz at the stack's scenes, NaN where it was not given the date."""
    with np.load(path) as file:
        theirs = dict(zip(map(str, file["date"]), file[key].astype(float), strict=True))
    nothing = np.full(stack.grid.shape, np.nan)
    return np.stack([theirs.get(scene.name, nothing) for scene in stack.scenes])


def on_common_pixels(rivals: Sequence[Rival]) -> list[Rival]:
    """The same answers where every one of them has one; nothing elsewhere."""
    every = [scores for rival in rivals for scores in rival.scores.values()]
    missing = np.logical_or.reduce([np.isnan(scores) for scores in every])
    return [
        Rival(
            name=rival.name,
            scores={
                target: np.where(missing, np.nan, scores) for target, scores in rival.scores.items()
            },
            threshold=rival.threshold,
            is_graded=rival.is_graded,
        )
        for rival in rivals
    ]
