"""Scenes as their files' names and headers tell them, before dates and grid are known."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

import numpy as np

from am4cm_cli.errors import StackError
from am4cm_cli.sensors import BAND_METRES, LAND_BANDS, name_bands, similar_band
from am4cm_cli.stacks.dates import find_moment
from am4cm_cli.stacks.headers import Header, read_headers
from am4cm_cli.stacks.homes import tell_apart
from am4cm_cli.stacks.locations import stem
from am4cm_cli.stacks.names import bands_by_name, is_other_layer, told_by_name
from am4cm_cli.stacks.products import Product
from am4cm_cli.stacks.sources import BandOfScene, split_name

OWN_TAG = "AM4CM_VERSION"
"""A dataset tag of every raster that am4cm derived from a stack."""

CONTENT_TAG = "AM4CM_CONTENT"
"""What such a raster holds."""
IMAGES = {"composite", "clear sky"}
"""Contents that are reflectance, and so may be images themselves."""

COMPANIONS = {"labels", "fields", "truth"}
"""Names without suffix of rasters of classes and numbers, which may lie beside the images."""

_EXAMPLES = {4: ("B02", "B03", "B04", "B08"), 10: LAND_BANDS, 13: tuple(BAND_METRES)}


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One band inside one file."""

    header: Header
    index: int
    """From 1."""
    alpha: int | None = None
    """Number of the file's band that is 0 where nothing was observed."""

    @property
    def masked(self) -> bool:
        """Whether a mask beside the file's bands tells which pixels are valid."""
        return any(self.header.masked[self.index - 1 : self.index])


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A scene before its date and grid are known."""

    label: str
    """The file's name without suffix; of a file per band, also without the band,
    and after its folder's name where only that tells the date; of a .SAFE the product's name."""
    layers: Mapping[str, Layer]
    """By standard band name."""
    product: Product | None = None
    """What is told beside the pixels."""
    tiles: "tuple[Draft, ...]" = ()
    """Of the same acquisition, showing other places."""

    @property
    def headers(self) -> list[Header]:
        """Of its files, in the order of the bands; a file may come more than once."""
        return [layer.header for layer in self.layers.values()]

    @property
    def path(self) -> Path:
        """The first of its files."""
        return self.headers[0].path


def draft_scenes(
    paths: Sequence[Path], *, band_names: Sequence[str] | None
) -> tuple[list[Draft], list[str]]:
    """Open the files and group their bands into scenes.

    Where any name tells a band, files are taken as one band each, and those whose names tell none
    are passed over; else each file is a scene.

    Returns:
        Scenes in the order of their files, at least one; and notes.
    """
    parts = [part for path in paths if (part := split_name(path))]
    if parts:
        drafts, notes = _from_band_files(parts)
        notes += _passed_over("without a band in the name", paths, [part.path for part in parts])
        if band_names:
            notes.append("The file names tell the bands; the band names given were not needed.")
    else:
        drafts, notes = _from_multi_band(paths, band_names)
    if not drafts:
        raise StackError(f"{paths[0].parent}: holds no images. {' '.join(notes)}")
    return [_told(draft) for draft in drafts], notes


def _told(draft: Draft) -> Draft:
    return draft if draft.product else replace(draft, product=told_by_name(draft.path))


def check_band_names(names: Sequence[str]) -> tuple[str, ...]:
    """Return standard names for what a user calls the bands; each must be known and come once."""
    found = name_bands(names)
    known = tuple(band or _refuse(name) for band, name in zip(found, names, strict=True))
    repeated = [name for name, count in Counter(known).items() if count > 1]
    if repeated:
        raise StackError(f"Band names given: {', '.join(repeated)} comes more than once.")
    return known


def _refuse(name: str) -> NoReturn:
    close = similar_band(name)
    hint = f" Did you mean {close}?" if close else ""
    raise StackError(
        f"Band names given: {name!r} is not a Sentinel-2 band; known are "
        f"{', '.join(BAND_METRES)}.{hint}"
    )


def _from_multi_band(
    paths: Sequence[Path], band_names: Sequence[str] | None
) -> tuple[list[Draft], list[str]]:
    images = [path for path in paths if not is_other_layer(path)]
    headers, notes = _foreign(read_headers(images))
    headers, more_notes = _without_companions(headers)
    notes += more_notes + _passed_over("of other layers, or other sensors,", paths, images)
    unknown: Counter[str] = Counter()
    drafts = []
    for header in headers:
        names = _given_names(header, band_names) if band_names else _own_names(header, headers)
        alpha = _alpha_beside(header, names)
        layers = {
            name: Layer(header=header, index=index, alpha=alpha)
            for index, name in enumerate(names, start=1)
            if name
        }
        unknown.update(
            header.descriptions[index - 1] or "without a name"
            for index, name in enumerate(names, start=1)
            if not name and index != alpha
        )
        drafts.append(Draft(label=stem(header.path), layers=layers))
    notes += [f"Band {text!r} passed over in {_files(count)}." for text, count in unknown.items()]
    return drafts, notes


def _alpha_beside(header: Header, names: Sequence[str | None]) -> int | None:
    """The alpha band, unless it is an image itself: some programs declare a fourth band so."""
    return header.alpha if header.alpha and names[header.alpha - 1] is None else None


def _given_names(header: Header, band_names: Sequence[str]) -> tuple[str | None, ...]:
    if header.alpha and len(band_names) == header.count - 1:
        return (*band_names[: header.alpha - 1], None, *band_names[header.alpha - 1 :])
    if len(band_names) != header.count:
        raise StackError(
            f"{header.path}: has {_bands(header.count)}, but {len(band_names)} band names "
            f"were given: {', '.join(band_names)}. Name every band, in the file's order."
        )
    return tuple(band_names)


def _own_names(header: Header, headers: Sequence[Header]) -> tuple[str | None, ...]:
    names = name_bands(header.descriptions)
    if not any(names):
        names = tuple(bands_by_name(header.path, header.count))
    found = [name for name in names if name]
    if not found:
        raise StackError(_nameless(header, headers))
    repeated = [name for name, count in Counter(found).items() if count > 1]
    if repeated:
        raise StackError(
            f"{header.path}: more than one band is named {repeated[0]}; expected each band once. "
            f"Give the names in the file's order with --bands."
        )
    return names


def _nameless(header: Header, headers: Sequence[Header]) -> str:
    """Say what to do with a file without known band names, beside these of the stack."""
    texts = [text for text in header.descriptions if text]
    known = "known " if texts else ""
    found = f" (found {', '.join(texts[:5])})" if texts else ""
    if header.count == 1:
        what = f"its only band has no {known}name{found}"
    else:
        what = f"its {header.count} bands have no {known}names{found}"
    named = next((other for other in headers if _is_named(other)), None)
    if named and not texts:
        return (
            f"{header.path}: {what}, though {named.path.name} names its own; this file may be cut "
            f"short or damaged. Fetch it again, or remove it."
        )
    return (
        f"{header.path}: {what}; say which of Sentinel-2's they are, in the file's order: "
        f"--bands {_example(header.count)}."
    )


def _is_named(header: Header) -> bool:
    return any(name_bands(header.descriptions))


def _example(count: int) -> str:
    names = _EXAMPLES.get(count, LAND_BANDS[:count])
    return ",".join(names) + (",..." if len(names) < count else "")


def _dated_by_folder(parts: Sequence[BandOfScene]) -> list[BandOfScene]:
    """Set a folder's name before its only scene's, where it tells the date and the scene's doesn't.

    A folder of several scenes, such as an export of some day, tells nothing of theirs.
    """
    scenes: defaultdict[Path, set[str]] = defaultdict(set)
    for part in parts:
        scenes[part.path.parent].add(part.scene)
    alone = {folder for folder, found in scenes.items() if len(found) == 1}
    return [
        replace(part, scene=f"{part.path.parent.name}/{part.scene}")
        if part.path.parent in alone
        and find_moment(part.path.parent.name)
        and not find_moment(part.scene)
        else part
        for part in parts
    ]


def _from_band_files(parts: Sequence[BandOfScene]) -> tuple[list[Draft], list[str]]:
    housed = tell_apart(parts)
    by_scene: defaultdict[str, dict[str, list[BandOfScene]]] = defaultdict(dict)
    for part in [*_dated_by_folder(housed.others), *housed.parts]:
        by_scene[part.scene].setdefault(part.band, []).append(part)
    chosen = [
        _preferred(scene, choices)
        for scene, bands in by_scene.items()
        for choices in bands.values()
    ]
    headers, notes = _foreign(read_headers([part.path for part in chosen]))
    # A product holds coarser copies of its bands by design, so that is no news.
    notes += _passed_over(
        "of SRE, of coarser pixels or of another format, where FRE, finer ones or a GeoTIFF exist,",
        [part.path for part in housed.others],
        [part.path for part in chosen],
    )
    drafts = _group(chosen, {header.path: header for header in headers})
    drafts = [replace(draft, product=housed.products.get(draft.label)) for draft in drafts]
    return drafts, housed.notes + notes


def _preferred(scene: str, choices: Sequence[BandOfScene]) -> BandOfScene:
    ranked = sorted(choices, key=lambda part: part.rank)
    if len(ranked) > 1 and ranked[0].rank == ranked[1].rank:
        raise StackError(
            f"{ranked[1].path}: {scene} has {ranked[0].band} already, in {ranked[0].path}; "
            f"expected one file for each band of a scene. Remove or rename one."
        )
    return ranked[0]


def _group(parts: Sequence[BandOfScene], headers: Mapping[Path, Header]) -> list[Draft]:
    layers: defaultdict[str, dict[str, Layer]] = defaultdict(dict)
    for part in parts:
        header = headers.get(part.path)
        if header is None:
            continue
        alpha = header.alpha if header.count > 1 else None
        if header.count != 1 + bool(alpha):
            raise StackError(
                f"{part.path}: has {header.count} bands, but its name says it is {part.band} "
                f"alone. Rename it, or keep it apart."
            )
        layers[part.scene][part.band] = Layer(
            header=header, index=2 if alpha == 1 else 1, alpha=alpha
        )
    return [Draft(label=scene, layers=found) for scene, found in layers.items()]


def _foreign(headers: Sequence[Header]) -> tuple[list[Header], list[str]]:
    """Leave out rasters that am4cm wrote itself, such as a mask beside its images.

    Where there is nothing else, those of reflectance are the images.
    """
    foreign = [header for header in headers if OWN_TAG not in header.tags]
    foreign = foreign or [header for header in headers if header.tags.get(CONTENT_TAG) in IMAGES]
    return foreign, _passed_over(
        "written by am4cm itself",
        [header.path for header in headers],
        [header.path for header in foreign],
    )


def _without_companions(headers: Sequence[Header]) -> tuple[list[Header], list[str]]:
    """Leave out what `am4cm simulate` writes beside images, and people who keep labels so too."""
    images = [header for header in headers if not _is_companion(header)]
    return images, _passed_over(
        "of labels, fields or truth",
        [header.path for header in headers],
        [header.path for header in images],
    )


def _is_companion(header: Header) -> bool:
    whole = all(np.dtype(dtype).kind in "iu" for dtype in header.dtypes)
    return header.path.stem.lower() in COMPANIONS and whole and not _is_named(header)


def _passed_over(why: str, paths: Sequence[Path], kept: Sequence[Path]) -> list[str]:
    left = sorted(set(paths) - set(kept))
    return [f"{_files(len(left))} {why} passed over, such as {left[0]}."] if left else []


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"


def _bands(count: int) -> str:
    return "1 band" if count == 1 else f"{count} bands"
