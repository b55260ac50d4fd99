"""From files to a stack: which scenes there are, when, of which bands, on which grid."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from am4cm_cli.errors import StackError
from am4cm_cli.sensors import BAND_METRES
from am4cm_cli.stacks.catalogues import is_catalogue, read_items
from am4cm_cli.stacks.cube_files import is_cube, open_cube
from am4cm_cli.stacks.cubes import draft_cube, name_bands, read_cube
from am4cm_cli.stacks.dates import Moment, find_moment, read_dates, read_tag, refine
from am4cm_cli.stacks.drafts import Draft, Layer, check_band_names, draft_scenes
from am4cm_cli.stacks.grids import common_grid, factor_on
from am4cm_cli.stacks.headers import Header, has_transform
from am4cm_cli.stacks.items import draft_items
from am4cm_cli.stacks.products import Product
from am4cm_cli.stacks.sources import list_images
from am4cm_cli.stacks.stack import BandFile, Grid, Scene, Stack

DN_SCALE = 1e-4
"""Of integers that carry no scale: 10000 is a reflectance of 1."""


@dataclass(frozen=True, kw_only=True)
class Radiometry:
    """What the user says of how numbers become reflectance; None leaves it to the files."""

    scale: float | None
    offset: float | None
    """In reflectance: -0.1 for Sentinel-2 baseline 04.00 and later."""

    def of(self, draft: Draft, band: str) -> tuple[float, float]:
        """(scale, offset) of a band: the user's, the file's, the metadata's, else the usual."""
        layer, product = draft.layers[band], draft.product or Product(source="")
        told = product.scales.get(band, _usual_scale(layer)), product.offsets.get(band, 0.0)
        own_scale, own_offset = _declared(layer) or told
        scale = own_scale if self.scale is None else self.scale
        return scale, own_offset if self.offset is None else self.offset


def find_stack(
    source: str | Path,
    *,
    band_names: Sequence[str] | None = None,
    scale: float | None = None,
    offset: float | None = None,
    dates: Path | None = None,
) -> Stack:
    """Find the scenes of a stack, and check that they share one grid and the same bands.

    Args:
        source: a folder (or its sub-folder `images`), a glob, a text file of paths, one raster, a
            cube, see `stacks.cubes`, or a STAC catalogue, see `stacks.catalogues`.
        band_names: of multi-band files, in their order, where they carry no names.
        scale: of the numbers; outweighs what the files say.
        offset: in reflectance; outweighs what the files say.
        dates: a CSV of two columns, file and ISO date; what it says outweighs names and tags.

    Rasters without CRS or transform are taken as they are, with a note, if all of them are so.
    """
    radiometry = _checked(Radiometry(scale=scale, offset=offset))
    names = None if band_names is None else check_band_names(band_names)
    drafts, notes = _draft(source, names)
    return assemble(str(source), drafts, notes, radiometry, dates=dates)


def _draft(source: str | Path, names: Sequence[str] | None) -> tuple[list[Draft], list[str]]:
    """Find scenes in whatever a user names; and notes."""
    path = Path(source)
    if is_cube(path):
        cube = read_cube(open_cube(path), str(path))
        return draft_cube(cube, path, name_bands(cube, names))
    if is_catalogue(str(source)):
        items, notes = read_items(str(source))
        drafts, item_notes = draft_items(items)
        return drafts, [*notes, *item_notes]
    paths, notes = list_images(source)
    drafts, draft_notes = draft_scenes(paths, band_names=names)
    return drafts, [*notes, *draft_notes]


def assemble(
    source: str,
    drafts: Sequence[Draft],
    notes: Sequence[str],
    radiometry: Radiometry,
    *,
    dates: Path | None = None,
) -> Stack:
    """Check that scenes share one grid and the same bands, and put them in order of time.

    Args:
        source: what the user named.
        drafts: of the scenes.
        notes: on them.
        radiometry: what the user says of it.
        dates: see `find_stack`.
    """
    bands = _shared_bands(drafts)
    moments, date_notes = _date_all(drafts, dates)
    grid = common_grid(_headers_by_band(drafts))
    scenes = [
        _scene(draft, moment, name, grid=grid, bands=bands, radiometry=radiometry)
        for draft, moment, name in _in_time_order(drafts, moments)
    ]
    more = [*date_notes, *_radiometry_notes(drafts, radiometry), *_grid_notes(grid)]
    return Stack(source=source, grid=grid, bands=bands, scenes=tuple(scenes), notes=(*notes, *more))


def _checked(radiometry: Radiometry) -> Radiometry:
    if radiometry.scale is not None and radiometry.scale <= 0:
        raise StackError(f"Scale {radiometry.scale:g}: expected a number above 0, such as 0.0001.")
    if radiometry.offset is not None and abs(radiometry.offset) > 1:
        raise StackError(
            f"Offset {radiometry.offset:g}: expected it in reflectance, between -1 and 1; "
            f"-1000 of 10000 is -0.1."
        )
    return radiometry


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


def _headers_by_band(drafts: Sequence[Draft]) -> Mapping[str, Sequence[Header]]:
    headers: defaultdict[str, list[Header]] = defaultdict(list)
    for draft in drafts:
        for band, layer in draft.layers.items():
            headers[band].append(layer.header)
    return headers


def _date_all(drafts: Sequence[Draft], dates: Path | None) -> tuple[list[Moment], list[str]]:
    # Tables are rare, and the many names of many files are slow to make.
    names = [_names(draft) if dates else [] for draft in drafts]
    known = {name for some in names for name in some}
    rows = read_dates(dates, known=known) if dates else []
    table = dict(rows)
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
    """What a table of dates may call a scene: its label, or any of its files, with path or not."""
    names = [draft.label, Path(draft.label).name]
    for path in {header.path for header in draft.headers}:
        tails = [Path(*path.parts[start:]) for start in range(len(path.parts))]
        names += [str(tail) for tail in tails] + [path.stem]
    return names


def _in_time_order(
    drafts: Sequence[Draft], moments: Sequence[Moment]
) -> list[tuple[Draft, Moment, str]]:
    dated = sorted(
        zip(drafts, moments, strict=True), key=lambda pair: (pair[1].time, str(pair[0].path))
    )
    names = _unique_names(dated)
    return [(draft, moment, name) for (draft, moment), name in zip(dated, names, strict=True)]


def _unique_names(dated: Sequence[tuple[Draft, Moment]]) -> list[str]:
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
    grid: Grid,
    bands: Sequence[str],
    radiometry: Radiometry,
) -> Scene:
    files = {band: _band_file(draft, band, grid, radiometry) for band in bands}
    return Scene(time=moment.time, name=name, bands=files, product=draft.product)


def _band_file(draft: Draft, band: str, grid: Grid, radiometry: Radiometry) -> BandFile:
    layer = draft.layers[band]
    header, place = layer.header, layer.index - 1
    scale, offset = radiometry.of(draft, band)
    factor = factor_on(grid, header)
    height, width = header.blocks[place]
    return BandFile(
        path=header.path,
        index=layer.index,
        factor=factor,
        dtype=header.dtypes[place],
        block=(height * factor, width * factor),
        scale=scale,
        offset=offset,
        nodata=_nodata(header.nodata[place], draft.product),
        slab=place // header.together if header.together else 0,
    )


def _nodata(declared: float | None, product: Product | None) -> float | None:
    return product.nodata if declared is None and product else declared


def _usual_scale(layer: Layer) -> float:
    is_float = np.dtype(layer.header.dtypes[layer.index - 1]).kind == "f"
    return 1.0 if is_float else DN_SCALE


def _declared(layer: Layer) -> tuple[float, float] | None:
    """The file's own scale and offset; 1 and 0 are what a file has that says nothing."""
    place = layer.index - 1
    declared = layer.header.scales[place], layer.header.offsets[place]
    return None if declared == (1, 0) else declared


def _radiometry_notes(drafts: Sequence[Draft], radiometry: Radiometry) -> list[str]:
    declaring = sum(any(map(_declared, draft.layers.values())) for draft in drafts)
    if radiometry == Radiometry(scale=None, offset=None) or not declaring:
        return []
    return [
        f"{declaring} of {len(drafts)} scenes carry their own scale and offset, which what was "
        f"given outweighs."
    ]


def _grid_notes(grid: Grid) -> list[str]:
    if grid.crs and has_transform(grid.transform):
        return []
    return ["The images are not georeferenced; what is made of them won't be either."]
