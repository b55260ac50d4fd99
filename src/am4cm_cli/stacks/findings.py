"""Scenes of whatever a user names: image files, a cube, or STAC items."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from am4cm_cli.errors import StackError
from am4cm_cli.stacks.catalogues import is_catalogue, read_items
from am4cm_cli.stacks.cube_files import is_cube, open_cube
from am4cm_cli.stacks.cubes import draft_cube, name_bands, read_cube
from am4cm_cli.stacks.dates import Moment
from am4cm_cli.stacks.drafts import OWN_TAG, Draft, check_band_names, draft_scenes
from am4cm_cli.stacks.items import draft_items
from am4cm_cli.stacks.openable import draft_openable, openable_items
from am4cm_cli.stacks.options import StackOptions
from am4cm_cli.stacks.sources import list_images


@dataclass(frozen=True, kw_only=True)
class Findings:
    """Scenes before their dates and grid are known."""

    drafts: Sequence[Draft]
    """At least one."""
    notes: Sequence[str]
    dates: Mapping[str, Moment] = field(default_factory=dict)
    """By what a list calls an image, a product or a zip."""


def find_drafts(source: str | Path, options: StackOptions) -> Findings:
    """Find the scenes of a source, see `find_stack`.

    Raises:
        StackError: there are none, or they cannot be understood.
    """
    names = None if options.band_names is None else check_band_names(options.band_names)
    if is_cube(Path(source)):
        return _in_cube(Path(source), names, options)
    if is_catalogue(str(source)):
        return _in_catalogue(str(source), names, options)
    found = list_images(source)
    draft = draft_openable if options.skip_bad else draft_scenes
    drafts, notes = draft(found.paths, band_names=names)
    return Findings(drafts=drafts, notes=[*found.notes, *notes], dates=found.dates)


def _in_cube(path: Path, names: Sequence[str] | None, options: StackOptions) -> Findings:
    if options.dates:
        raise StackError(f"{path}: is a cube and tells its dates itself; leave --dates away.")
    if options.skip_bad:
        raise StackError(
            f"{path}: is a cube, whose scenes are no files of their own to be left out; leave "
            "--skip-bad away."
        )
    dataset = open_cube(path)
    if OWN_TAG in dataset.attrs:
        raise StackError(
            f"{path}: is a mask that am4cm wrote; expected images. To look at a mask, or to go on "
            "from it, name the GeoTIFF."
        )
    cube = read_cube(dataset, str(path))
    drafts, notes = draft_cube(cube, path, name_bands(cube, names))
    return Findings(drafts=drafts, notes=notes)


def _in_catalogue(source: str, names: Sequence[str] | None, options: StackOptions) -> Findings:
    items, notes = read_items(source)
    draft = openable_items if options.skip_bad else draft_items
    drafts, draft_notes = draft(items)
    if names:
        notes.append("The items tell the bands; the band names given were not needed.")
    return Findings(drafts=drafts, notes=[*notes, *draft_notes])
