"""Scenes whose files can be opened, where others are to be left out."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from am4cm_cli.errors import StackError, UnreadableError
from am4cm_cli.stacks.drafts import Draft, draft_scenes
from am4cm_cli.stacks.items import choose_assets, draft_items
from am4cm_cli.stacks.safe import find_homes
from am4cm_cli.stacks.sources import split_name

if TYPE_CHECKING:
    import pystac


def draft_openable(
    paths: Sequence[Path], *, band_names: Sequence[str] | None
) -> tuple[list[Draft], list[str]]:
    """Open files as `draft_scenes` does; leave those out that cannot be, with their whole scene.

    Nothing but its name is known of such a file, so its scene cannot stand in the stack as nodata.
    """
    left, left_out = list(paths), []
    while True:
        try:
            drafts, notes = draft_scenes(left, band_names=band_names)
        except UnreadableError as error:
            bad = _whole_scene(error.path, left)
            if not bad:
                raise  # it is none of these
            left = [path for path in left if path not in bad]
            if not left:
                raise StackError(f"None of {len(paths)} files can be opened. {error}") from error
            left_out.append(f"{error} Until then its scene is left out.")
        else:
            return drafts, [*notes, *left_out]


def openable_items(items: "Sequence[pystac.Item]") -> tuple[list[Draft], list[str]]:
    """Make scenes of items as `draft_items` does; leave those out whose assets cannot be opened."""
    left, left_out = list(items), []
    while True:
        try:
            drafts, notes = draft_items(left)
        except UnreadableError as error:
            left = [item for item in left if not _names(item, error.path)]
            if not left:
                raise StackError(f"None of {len(items)} items can be opened. {error}") from error
            left_out.append(f"{error} Until then its item is left out.")
        else:
            return drafts, [*notes, *left_out]


def _names(item: "pystac.Item", path: Path) -> bool:
    """Whether a file holds a band of an item."""
    return any(asset.path == path for asset in choose_assets(item).values())


def _whole_scene(bad: Path, paths: Sequence[Path]) -> set[Path]:
    """All files of the scene that one of them belongs to."""
    homes = find_homes(paths)
    if bad in homes:
        folder = homes[bad].folder
        return {path for path in paths if path in homes and homes[path].folder == folder}
    part = split_name(bad)
    if part is None:
        return {bad} & set(paths)
    beside = [(path, split_name(path)) for path in paths if path.parent == bad.parent]
    return {path for path, own in beside if own and own.scene == part.scene}
