"""A mask against a reference and what it must beat: from files to figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from am4cm_cli.classes import TARGETS
from am4cm_cli.errors import DataError
from am4cm_cli.progress import Track
from am4cm_cli.rasters.masks import MaskFile
from am4cm_cli.stacks.stack import Grid, Stack
from am4cm_cli.validation.baselines import baselines
from am4cm_cli.validation.classmaps import SCL_AS_MASK
from am4cm_cli.validation.facts import Board
from am4cm_cli.validation.judging import common_dates, date_notes, judge, listed
from am4cm_cli.validation.matching import match
from am4cm_cli.validation.methods import Method, always_flag, class_methods, mask_method
from am4cm_cli.validation.references import Reference, read_reference
from am4cm_cli.validation.scoreboard import scoreboards
from am4cm_cli.weights import Weights


@dataclass(frozen=True, kw_only=True)
class Rivals:
    """What to compare a mask with, beside a mask that flags everything."""

    stack: Stack | None = None
    """Its images, for `baselines.baselines`."""
    weights: Weights | None = None
    """Needed with a stack."""
    scl: Path | None = None
    """Folder of Sen2Cor's scene classes."""


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """How good a mask is against a reference."""

    mask: MaskFile
    reference: str
    kind: str
    dates: tuple[str, ...]
    """Those compared, as the mask names them."""
    without: tuple[str, ...]
    """Those left out in rows of their own."""
    boards: Sequence[Board]
    """The mask's own target first."""
    notes: tuple[str, ...]
    """What a reader should know, one sentence each."""


def evaluate_mask(
    mask: MaskFile,
    reference: Reference,
    rivals: Rivals,
    *,
    without: Sequence[str] = (),
    track: Track = iter,
) -> Evaluation:
    """Score a mask and its rivals on the pixels that all of them answer.

    Args:
        mask: to judge.
        reference: on its grid.
        rivals: to judge beside it.
        without: dates to leave out in further rows.
        track: to follow the windows.

    Raises:
        DataError: no date in common, or no date of one to leave out.
        StackError: the images are not the mask's.
    """
    dates = common_dates(mask.names, str(mask.path), reference)
    names = [here for here, _ in dates.pairs]
    left = _left_out(names, without, mask)
    scl = _open_scl(rivals.scl, mask.grid)
    methods = [mask_method(mask, names), *_rivals(rivals, scl, mask.grid, names)]
    there = [there for _, there in dates.pairs]
    tallies = judge(methods, reference, there, mask.grid.shape, track=track)
    own = mask.tags.get("AM4CM_TARGET", "cloud")
    boards = scoreboards(methods, tallies, names, own=own, without=left)
    return Evaluation(
        mask=mask,
        reference=reference.source,
        kind=reference.kind,
        dates=tuple(names),
        without=left,
        boards=boards,
        notes=(
            *date_notes(str(mask.path), reference, dates),
            *_scl_notes(scl, names),
            *weights_notes(mask, rivals.weights),
            *_board_notes(boards),
        ),
    )


def _open_scl(folder: Path | None, grid: Grid) -> Reference | None:
    if folder is None:
        return None
    return read_reference(folder, grid, kind="scl", mapping=SCL_AS_MASK)


def _rivals(
    rivals: Rivals, scl: Reference | None, grid: Grid, names: Sequence[str]
) -> list[Method]:
    found: list[Method] = []
    if rivals.stack is not None:
        assert rivals.weights is not None
        found += baselines(rivals.stack, grid, names, rivals.weights)
    if scl is not None:
        found += class_methods("SCL", scl, names)
    return [*found, always_flag(len(names))]


def _left_out(names: Sequence[str], without: Sequence[str], mask: MaskFile) -> tuple[str, ...]:
    found = match(without, names)
    if found.only_here:
        raise DataError(
            f"{mask.path}: {', '.join(found.only_here)} is not among the {len(names)} dates "
            f"compared, {names[0]} to {names[-1]}; expected ISO dates of the mask. Correct "
            "--without."
        )
    return tuple(there for _, there in found.pairs)


def _scl_notes(scl: Reference | None, names: Sequence[str]) -> list[str]:
    missing = () if scl is None else match(names, scl.names).only_here
    if not missing:
        return []
    return [f"Without SCL, so left out for every method: {listed(missing)}."]


def _board_notes(boards: Sequence[Board]) -> list[str]:
    notes = []
    if len(boards) < len(TARGETS):
        notes.append("The reference tells no shadow, so only cloud against clear is scored.")
    rows: Mapping[str, int] = {board.target: len(board.rows) for board in boards}
    notes += [
        f"The reference shows no {target} where the mask has an answer: nothing can be scored."
        for target, count in rows.items()
        if not count
    ]
    return notes


def weights_notes(
    mask: MaskFile, weights: Weights | None, *, told: str = "the attention scored"
) -> list[str]:
    """Say if what is told is by other weights than the mask's."""
    made_with = mask.tags.get("AM4CM_WEIGHTS_SHA256")
    if weights is None or made_with in {None, weights.sha256}:
        return []
    return [
        f"The mask was made with {mask.tags.get('AM4CM_WEIGHTS', 'other weights')}; {told} is "
        f"that of {weights.name}. Name the mask's own with --weights."
    ]
