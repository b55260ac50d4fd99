"""Tiles of one acquisition, joined to one scene."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from itertools import groupby

from am4cm_cli.stacks.choosing import Dated
from am4cm_cli.stacks.dates import Moment
from am4cm_cli.stacks.drafts import Draft
from am4cm_cli.stacks.frames import finest_grid
from am4cm_cli.stacks.grids import same_grid
from am4cm_cli.stacks.lattices import same_lattice
from am4cm_cli.stacks.stack import Grid

SWATH_TIME = timedelta(minutes=10)
"""Tiles of one overpass are sensed within; the next orbit is 100 minutes later."""


def join_tiles(scenes: Sequence[Dated], *, warps: bool) -> tuple[list[Dated], list[str]]:
    """Join scenes of one overpass that show different places.

    Two scenes with the same pixels stay two, whatever their time. Grids must be parts of one
    lattice, or be warped; else scenes stay as they are.

    Args:
        scenes: in time order.
        warps: whether rasters on other grids are brought onto the stack's.

    Returns:
        Scenes in time order; and notes.
    """
    groups: list[list[Dated]] = []
    for _, same_day in groupby(scenes, key=_day):
        groups += _group_day(list(same_day), warps=warps)
    return [_joined(group) for group in groups], _notes(groups)


def _day(scene: Dated) -> date:
    return scene[1].time.date()


def _group_day(scenes: Sequence[Dated], *, warps: bool) -> list[list[Dated]]:
    groups: list[list[Dated]] = []
    for scene in scenes:
        mates = next((group for group in groups if _belongs(scene, group, warps=warps)), None)
        if mates is None:
            groups.append([scene])
        else:
            mates.append(scene)
    return groups


def _belongs(scene: Dated, group: Sequence[Dated], *, warps: bool) -> bool:
    (draft, moment), (first, begun) = scene, group[0]
    if not _same_pass(moment, begun) or _differ(_orbit(draft), _orbit(first)):
        return False
    own = finest_grid(draft)
    return all(_is_beside(own, finest_grid(other), warps=warps) for other, _ in group)


def _differ(one: int | None, other: int | None) -> bool:
    return one is not None and other is not None and one != other


def _same_pass(one: Moment, other: Moment) -> bool:
    """Of one day, whether two scenes were taken in one overpass, as far as is known."""
    return not (one.has_clock and other.has_clock) or abs(one.time - other.time) <= SWATH_TIME


def _orbit(draft: Draft) -> int | None:
    return draft.product.orbit if draft.product else None


def _is_beside(one: Grid, other: Grid, *, warps: bool) -> bool:
    return not same_grid(one, other) and (warps or same_lattice(other, one))


def _joined(group: Sequence[Dated]) -> Dated:
    (first, moment), *others = group
    return replace(first, tiles=tuple(draft for draft, _ in others)), moment


def _notes(groups: Sequence[Sequence[Dated]]) -> list[str]:
    joined = [group for group in groups if len(group) > 1]
    if not joined:
        return []
    tiles = " and ".join(draft.label for draft, _ in joined[0])
    times = "1 acquisition is" if len(joined) == 1 else f"{len(joined)} acquisitions are"
    return [
        f"{times} joined from several tiles, such as {tiles}; where two of them show a pixel, the "
        "one named first counts."
    ]
