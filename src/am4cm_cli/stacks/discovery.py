"""From files to a stack: which scenes there are, when, of which bands, on which grid."""

import logging
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from am4cm_cli.errors import StackError
from am4cm_cli.sensors import BAND_METRES
from am4cm_cli.stacks.choosing import Dated, choose_scenes
from am4cm_cli.stacks.dates import Moment, find_moment, read_dates, read_tag, refine
from am4cm_cli.stacks.drafts import Draft
from am4cm_cli.stacks.findings import Findings, find_drafts
from am4cm_cli.stacks.frames import Frame, Lie, frame_stack
from am4cm_cli.stacks.headers import has_transform
from am4cm_cli.stacks.locations import holders
from am4cm_cli.stacks.options import AS_THEY_ARE, StackOptions
from am4cm_cli.stacks.products import Product
from am4cm_cli.stacks.radiometry import (
    Radiometry,
    check_declarations,
    check_levels,
    radiometry_notes,
)
from am4cm_cli.stacks.stack import BandFile, Grid, Scene, Stack
from am4cm_cli.stacks.tiles import join_tiles

LOG = logging.getLogger(__name__)


def find_stack(source: str | Path, options: StackOptions = AS_THEY_ARE) -> Stack:
    """Find the scenes of a stack, and bring them to one grid and the same bands.

    Args:
        source: a folder (or its sub-folder `images`), a glob, a .SAFE product or its zip, a text
            file of paths, a .csv of paths and dates, a URL, one raster, a cube, see `stacks.cubes`,
            or a STAC catalogue, see `stacks.catalogues`.
        options: what the user says of it.

    Rasters without CRS or transform are taken as they are, with a note, if all of them are so.

    Raises:
        StackError: it cannot be understood, or not all of it can be brought together.
    """
    stack = assemble(str(source), find_drafts(source, options), options)
    height, width = stack.grid.shape
    LOG.debug(
        f"{source}: {len(stack.scenes)} scenes of {width} x {height} pixels, "
        f"bands {' '.join(stack.bands)}"
    )
    return stack


def assemble(source: str, found: Findings, options: StackOptions) -> Stack:
    """Bring scenes to one grid and the same bands, in order of time, as far as they are wanted.

    Args:
        source: what the user named.
        found: the scenes.
        options: what the user says of it.
    """
    radiometry = Radiometry(scale=options.scale, offset=options.offset)
    radiometry.check()
    drafts = found.drafts
    moments, date_notes = _date_all(drafts, found.dates, options.dates)
    wanted, choice_notes = choose_scenes(_in_time_order(drafts, moments), options)
    chosen = [draft for draft, _ in wanted]
    check_levels(chosen)
    check_declarations(chosen, radiometry)
    bands = _shared_bands(chosen)
    joined, tile_notes = join_tiles(wanted, warps=options.warps)
    frame, frame_notes = frame_stack([draft for draft, _ in joined], options)
    scenes = [
        _scene(draft, moment, name, frame=frame, bands=bands, radiometry=radiometry)
        for (draft, moment), name in zip(joined, _unique_names(joined), strict=True)
    ]
    notes = [
        *found.notes,
        *date_notes,
        *choice_notes,
        *tile_notes,
        *frame_notes,
        *radiometry_notes(chosen, [moment for _, moment in wanted], radiometry),
        *_grid_notes(frame.grid),
    ]
    return Stack(
        source=source, grid=frame.grid, bands=bands, scenes=tuple(scenes), notes=tuple(notes)
    )


def _shared_bands(drafts: Sequence[Draft]) -> tuple[str, ...]:
    """The bands in the sensor's order; a scene that lacks one of them is an error."""
    counts = Counter(band for draft in drafts for band in draft.layers)
    for draft in drafts:
        missing = [band for band in BAND_METRES if band in counts and band not in draft.layers]
        if missing:
            having = counts[missing[0]]
            raise StackError(
                f"{draft.label}: no file or band for {', '.join(missing)}; found "
                f"{', '.join(sorted(draft.layers))} in {draft.path.parent}. Expected the same "
                f"bands in every scene, and {having} of {len(drafts)} have {missing[0]}. "
                f"Add what is missing, or take out what only some have."
            )
    return tuple(band for band in BAND_METRES if band in counts)


def _date_all(
    drafts: Sequence[Draft], listed: Mapping[str, Moment], dates: Path | None
) -> tuple[list[Moment], list[str]]:
    # Tables are rare, and the many names of many files are slow to make.
    names = [_names(draft) if dates or listed else [] for draft in drafts]
    known = {name for some in names for name in some}
    rows = read_dates(dates, known=known) if dates else []
    table = {**listed, **dict(rows)}
    moments = [
        _date(draft, next((table[name] for name in some if name in table), None), dates)
        for draft, some in zip(drafts, names, strict=True)
    ]
    by_tag = sum(_own_moment(draft) is None and not table for draft in drafts)
    note = (
        f"{by_tag} of {len(drafts)} scenes are dated by the DateTime tag of their files, which "
        f"some programs set to the time of writing; if so, give --dates."
    )
    notes = [note] if by_tag else []
    return moments, notes + _table_notes(dates, [name for name, _ in rows], known)


def _table_notes(dates: Path | None, listed: Sequence[str], known: Collection[str]) -> list[str]:
    strange = [name for name in listed if name not in known]
    repeated = [name for name, count in Counter(listed).items() if count > 1]
    notes = []
    if strange:
        notes.append(f"{dates}: {_rows(len(strange))} no image here, such as {strange[0]!r}.")
    if repeated:
        notes.append(
            f"{dates}: {', '.join(map(repr, repeated[:3]))} listed more than once; the last row "
            f"counts."
        )
    return notes


def _rows(count: int) -> str:
    return "1 row names" if count == 1 else f"{count} rows name"


def _date(draft: Draft, listed: Moment | None, dates: Path | None) -> Moment:
    tag = read_tag(draft.headers[0].tags.get("TIFFTAG_DATETIME"))
    moment = listed or _own_moment(draft)
    if moment:
        return refine(moment, tag)
    if tag:
        return tag
    elsewhere = f" or in {dates}" if dates else ""
    raise StackError(
        f"{draft.path}: no date in its name or DateTime tag{elsewhere}. Rename it with its date, "
        f"such as scene_20180804.tif, or give --dates dates.csv with a line such as "
        f"'{draft.path.name},2018-08-04'."
    )


def _own_moment(draft: Draft) -> Moment | None:
    """What a product's metadata tell, else a name."""
    told = draft.product.moment if draft.product else None
    return told or find_moment(draft.label)


def _names(draft: Draft) -> list[str]:
    """What a table of dates may call a scene: its label, or any of its files, with path or not.

    Its product's folder and zip, too.
    """
    names = [draft.label, Path(draft.label).name]
    files = {header.path for header in draft.headers}
    for path in files | {place for file in files for place in holders(file)}:
        tails = [Path(*path.parts[start:]) for start in range(len(path.parts))]
        names += [str(tail) for tail in tails] + [path.stem]
    return names


def _in_time_order(drafts: Sequence[Draft], moments: Sequence[Moment]) -> list[Dated]:
    return sorted(
        zip(drafts, moments, strict=True), key=lambda pair: (pair[1].time, str(pair[0].path))
    )


def _unique_names(dated: Sequence[Dated]) -> list[str]:
    """ISO dates; where that is not unique with the time of day, and then with the file's name."""
    names = [_day(draft, moment) for draft, moment in dated]
    for longer in (_clock, _labelled, _located):
        counts = Counter(names)
        names = [
            name if counts[name] == 1 else longer(draft, moment)
            for name, (draft, moment) in zip(names, dated, strict=True)
        ]
    return names


def _day(draft: Draft, moment: Moment) -> str:
    return moment.time.date().isoformat()


def _clock(draft: Draft, moment: Moment) -> str:
    return moment.time.isoformat() if moment.has_clock else _day(draft, moment)


def _labelled(draft: Draft, moment: Moment) -> str:
    return f"{_clock(draft, moment)} {draft.label}"


def _located(draft: Draft, moment: Moment) -> str:
    return f"{_clock(draft, moment)} {draft.path}"


def _scene(
    draft: Draft,
    moment: Moment,
    name: str,
    *,
    frame: Frame,
    bands: Sequence[str],
    radiometry: Radiometry,
) -> Scene:
    first, *others = (
        _band_files(tile, bands, frame=frame, radiometry=radiometry)
        for tile in (draft, *draft.tiles)
    )
    for tile in others:
        _check_same_radiometry(first, tile)
    return Scene(
        time=moment.time,
        name=name,
        bands=first,
        product=draft.product,
        fills=tuple(others),
        shrink=frame.shrink,
        area=frame.area,
    )


def _band_files(
    draft: Draft, bands: Sequence[str], *, frame: Frame, radiometry: Radiometry
) -> dict[str, BandFile]:
    headers = {band: draft.layers[band].header for band in bands}
    lies = {
        path: frame.lie_of(header)
        for path, header in {header.path: header for header in headers.values()}.items()
    }
    return {
        band: _band_file(draft, band, lies[header.path], frame.shrink, radiometry)
        for band, header in headers.items()
    }


def _band_file(draft: Draft, band: str, lie: Lie, shrink: int, radiometry: Radiometry) -> BandFile:
    layer = draft.layers[band]
    header, place = layer.header, layer.index - 1
    conversion = radiometry.of(draft, band)
    height, width = (max(1, side * lie.factor // shrink) for side in header.blocks[place])
    return BandFile(
        path=header.path,
        index=layer.index,
        factor=lie.factor,
        dtype=header.dtypes[place],
        block=(height, width),
        scale=conversion.scale,
        offset=conversion.offset,
        scale_from=conversion.scale_from,
        offset_from=conversion.offset_from,
        nodata=_nodata(header.nodata[place], draft.product),
        masked=layer.masked,
        alpha=layer.alpha,
        origin=lie.origin,
        onto=lie.onto,
        held=header.held,
        slab=place // header.together if header.together else None,
    )


def _nodata(declared: float | None, product: Product | None) -> float | None:
    return product.nodata if declared is None and product else declared


def _check_same_radiometry(first: Mapping[str, BandFile], tile: Mapping[str, BandFile]) -> None:
    for band, file in tile.items():
        own, other = (file.scale, file.offset), (first[band].scale, first[band].offset)
        if own != other:
            raise StackError(
                f"{file.path}: has scale {own[0]:g} and offset {own[1]:g}, but {first[band].path}, "
                f"a tile of the same acquisition, {other[0]:g} and {other[1]:g}; expected tiles of "
                "one processing. Fetch both of the same baseline, or mask each by itself."
            )


def _grid_notes(grid: Grid) -> list[str]:
    if grid.crs and has_transform(grid.transform):
        return []
    return ["The images are not georeferenced; what is made of them won't be either."]
