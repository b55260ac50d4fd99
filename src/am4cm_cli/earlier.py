"""A mask made before, on which another may rest."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from am4cm_cli import __version__
from am4cm_cli.errors import EarlierError
from am4cm_cli.judgement import Judge, judge_from
from am4cm_cli.marks import CalibratedOn, Mark, read_calibrated_on, read_marks
from am4cm_cli.orders import MaskConfig
from am4cm_cli.rasters.masks import MaskFile, open_mask
from am4cm_cli.stacks.grids import describe, same_grid
from am4cm_cli.stacks.stack import Grid
from am4cm_cli.weights import Weights

LEVEL_TAG = "AM4CM_LEVEL"
"""A mask's tag with the level of its images, where it is known."""
OF_ALL_DATES = ("logit", "attention")
"""Methods whose every answer depends on every date."""

Value = TypeVar("Value")


@dataclass(frozen=True, kw_only=True)
class Earlier:
    """What an earlier mask tells."""

    mask: MaskFile
    judge: Judge
    calibrated_on: CalibratedOn
    marks: tuple[Mark, ...]


def open_earlier(
    path: Path,
    weights: Weights,
    config: MaskConfig,
    bands: tuple[str, ...],
    *,
    level: str | None = None,
) -> Earlier:
    """Read a mask whose calibration is to serve again.

    Args:
        path: of the mask.
        weights: to be used now.
        config: asked for now.
        bands: read now.
        level: of the stack, L1C or L2A; None where it is not known.

    Raises:
        StackError: it is no mask by am4cm, or holds something else than probabilities.
        EarlierError: it was made another way, or does not tell how.
    """
    mask = open_mask(path)
    _check(path, "method", _tag(mask, "AM4CM_METHOD"), config.method)
    _check(path, "weights", _tag(mask, "AM4CM_WEIGHTS_SHA256"), weights.sha256)
    _check(path, "bands", _tag(mask, "AM4CM_BANDS"), " ".join(bands))
    # Clear ground has another spread above the atmosphere than below it.
    earlier_level = mask.tags.get(LEVEL_TAG)
    if level and earlier_level:
        _check(path, "level", earlier_level, level)
    marks = _read(mask, "AM4CM_SCENES", read_marks)
    _check(path, "number of scenes", str(len(marks)), str(len(mask.names)))
    return Earlier(
        mask=mask,
        judge=_read(mask, "AM4CM_CALIBRATION", lambda text: judge_from(_object(text))),
        calibrated_on=_read(mask, "AM4CM_CALIBRATED_ON", read_calibrated_on),
        marks=marks,
    )


def check_updatable(earlier: Earlier, grid: Grid, config: MaskConfig) -> None:
    """Raise EarlierError if a mask's pixels cannot stand in one that is asked for now."""
    mask, path = earlier.mask, earlier.mask.path
    if config.method in OF_ALL_DATES:
        raise EarlierError(
            f"{path}: is of the method {config.method}, by which every date depends on all others; "
            "expected one that compares dates near in time. Mask the whole stack without --update."
        )
    _check(path, "version of am4cm", _tag(mask, "AM4CM_VERSION"), __version__)
    _check(path, "target", _tag(mask, "AM4CM_TARGET"), config.target)
    _check(path, "dtype", mask.dtype, config.dtype)
    if not same_grid(mask.grid, grid):
        raise _differs(path, "grid", describe(mask.grid), describe(grid))


def _check(path: Path, what: str, found: str, expected: str) -> None:
    if found != expected:
        raise _differs(path, what, found, expected)


def _differs(path: Path, what: str, found: str, expected: str) -> EarlierError:
    return EarlierError(
        f"{path}: was made with another {what}. Found {found}; expected {expected}, as now. Ask "
        "for the same, or mask the whole stack without --update or --calibration."
    )


def _tag(mask: MaskFile, name: str) -> str:
    if name not in mask.tags:
        raise EarlierError(
            f"{mask.path}: lacks the tag {name}; expected a mask as this am4cm writes it. "
            "Mask the whole stack once more without --update or --calibration."
        )
    return mask.tags[name]


def _read(mask: MaskFile, name: str, read: Callable[[str], Value]) -> Value:
    text = _tag(mask, name)
    try:
        return read(text)
    except (ValueError, RecursionError) as error:
        raise EarlierError(
            f"{mask.path}: its tag {name} cannot be read ({error}); expected it as am4cm wrote "
            "it. Mask the whole stack once more without --update or --calibration."
        ) from error


def _object(text: str) -> Mapping[str, object]:
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError("it is no object")
    return found
