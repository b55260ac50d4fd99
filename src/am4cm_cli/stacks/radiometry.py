"""How stored numbers become reflectance: scale and offset of every band, and who says so."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from am4cm_cli.errors import StackError
from am4cm_cli.stacks.dates import Moment
from am4cm_cli.stacks.drafts import Draft, Layer
from am4cm_cli.stacks.products import Product

DN_SCALE = 1e-4
"""Of integers that carry no scale: 10000 is a reflectance of 1."""
BASELINE_OFFSET = -0.1
"""In reflectance, of integers of processing baseline 04.00 and later. ESA, Sentinel-2 Products
Specification Document 14.9, RADIO_ADD_OFFSET and BOA_ADD_OFFSET."""
FIRST_OFFSETS = datetime(2022, 1, 25)
"""The day from which on ESA has made products with that offset; older dates are made again, too."""

RAW = "_(Raw)"
"""In the names of single bands from Sentinel Hub's browser."""
FILE = "the file"
USUAL = "as usual"


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """reflectance = dn * scale + offset, and where each of the two is from."""

    scale: float
    offset: float
    """In reflectance."""
    scale_from: str
    offset_from: str


@dataclass(frozen=True, kw_only=True)
class Radiometry:
    """What the user says of how numbers become reflectance; None leaves it to the files."""

    scale: float | None = None
    offset: float | None = None
    """In reflectance: -0.1 for Sentinel-2 baseline 04.00 and later."""

    def check(self) -> None:
        """Raise StackError for a scale or an offset that no reflectance has."""
        if self.scale is not None and self.scale <= 0:
            raise StackError(f"Scale {self.scale:g}: expected a number above 0, such as 0.0001.")
        if self.offset is not None and abs(self.offset) > 1:
            raise StackError(
                f"Offset {self.offset:g}: expected it in reflectance, between -1 and 1; "
                f"-1000 of 10000 is -0.1."
            )

    def of(self, draft: Draft, band: str) -> Conversion:
        """By the first that tells: the user, the file, metadata, a baseline, what is usual."""
        layer, product = draft.layers[band], draft.product or Product(source="")
        scale, scale_from = _first(
            (self.scale, "--scale"),
            (declared(layer)[0], FILE),
            (product.scales.get(band), product.source),
            (1.0 if _is_float(layer) else DN_SCALE, USUAL),
        )
        offset, offset_from = _first(
            (self.offset, "--offset"),
            (declared(layer)[1], FILE),
            (product.offsets.get(band), product.source),
            (_by_baseline(layer, product), f"baseline {product.baseline}"),
            (0.0, USUAL),
        )
        return Conversion(
            scale=scale, offset=offset, scale_from=scale_from, offset_from=offset_from
        )


def declared(layer: Layer) -> tuple[float | None, float | None]:
    """The file's own scale and offset; 1 and 0 are what a file has that says nothing."""
    place = layer.index - 1
    own = layer.header.scales[place], layer.header.offsets[place]
    return (None, None) if own == (1, 0) else own


def check_levels(drafts: Sequence[Draft]) -> None:
    """Raise StackError where some scenes are L1C and others L2A: no level lies between."""
    by_level = {draft.product.level: draft for draft in drafts if draft.product}
    top, bottom = by_level.get("L1C"), by_level.get("L2A")
    if top and bottom:
        raise StackError(
            f"{top.path}: is of level L1C, but {bottom.path} is of L2A; expected one level, since "
            f"haze over the same ground is no cloud. Keep the two apart, and mask each by itself."
        )


def check_declarations(drafts: Sequence[Draft], radiometry: Radiometry) -> None:
    """Raise StackError where files tell scale and offset for some of a scene's bands alone.

    So does one that was damaged, and its bands would follow what is usual.
    """
    for draft in drafts:
        telling = [band for band in _integers(draft) if _declares(draft, band)]
        silent = [band for band in _integers(draft) if _lacks(draft, band)]
        # Where all come to the same, nothing is lost.
        if telling and silent and len(_numbers(draft, radiometry)) > 1:
            raise StackError(_partly_told(draft, telling[0], silent))


def _lacks(draft: Draft, band: str) -> bool:
    """Whether neither the file nor metadata tell both of a band; a baseline tells one at most."""
    product = draft.product or Product(source="")
    told = band in product.scales and band in product.offsets
    return not told and not _declares(draft, band)


def _declares(draft: Draft, band: str) -> bool:
    return declared(draft.layers[band]) != (None, None)


def _partly_told(draft: Draft, telling: str, silent: Sequence[str]) -> str:
    path = draft.layers[silent[0]].header.path
    here = [band for band in silent if draft.layers[band].header.path == path]
    other = draft.layers[telling].header.path
    who = f"for {telling}" if other == path else f"{other.name} has them for {telling}"
    return (
        f"{path}: has no scale and offset for {', '.join(here)}, but {who}; expected them for all "
        "of a scene's reflectance or for none. Fetch the file again, complete it, such as with "
        "gdal_edit, or give --scale and --offset."
    )


def _integers(draft: Draft) -> list[str]:
    """Bands of integers; floats are reflectance already, as a rule."""
    return [band for band, layer in draft.layers.items() if not _is_float(layer)]


def _numbers(draft: Draft, radiometry: Radiometry) -> set[tuple[float, float]]:
    """Scales and offsets of the bands of integers."""
    found = (radiometry.of(draft, band) for band in _integers(draft))
    # Some programs keep them in 32 bits.
    return {(round(one.scale, 9), round(one.offset, 6)) for one in found}


def radiometry_notes(
    drafts: Sequence[Draft], moments: Sequence[Moment], radiometry: Radiometry
) -> list[str]:
    """Say what was outweighed, what a baseline in a name decided, and what nobody tells."""
    untold = _untold(drafts, radiometry)
    if radiometry.offset is not None:
        return [*_outweighed(drafts, radiometry), *_untold_notes(drafts, untold, radiometry)]
    by_name = [draft for draft in drafts if _is_by_baseline(draft, radiometry)]
    against = [draft for draft in drafts if _is_against_baseline(draft)]
    silent = [
        draft
        for draft, moment in zip(drafts, moments, strict=True)
        if moment.time >= FIRST_OFFSETS and _is_silent(draft) and not (untold and _is_untold(draft))
    ]
    return [
        *_outweighed(drafts, radiometry),
        *_raw_notes(drafts, radiometry),
        *_untold_notes(drafts, untold, radiometry),
        *_note(
            by_name,
            f"are of processing baseline {_baselines(by_name)}, so their offset is -0.1; if "
            f"it was taken off already, give --offset 0.",
        ),
        *_note(
            against,
            f"say that their offset is 0, though their processing baseline "
            f"{_baselines(against)} has one of -0.1; the files' own word counts. If it "
            f"is wrong, give --offset -0.1.",
        ),
        *_note(
            silent,
            "are from 2022-01-25 or later and don't tell their offset, which is taken to be 0, as "
            "of harmonised exports. If they hold the numbers as ESA delivers them, give "
            "--offset -0.1.",
        ),
    ]


def _untold(drafts: Sequence[Draft], radiometry: Radiometry) -> list[Draft]:
    """Scenes of which nothing tells scale and offset, where others' are not the usual ones."""
    untold = [draft for draft in drafts if _is_untold(draft)]
    return untold if _differing(drafts, untold, radiometry) else []


def _differing(drafts: Sequence[Draft], untold: Sequence[Draft], radiometry: Radiometry) -> int:
    """Count scenes whose integers come to something else than those of which nothing tells."""
    usual = {numbers for draft in untold[:1] for numbers in _numbers(draft, radiometry)}
    return sum(bool(_numbers(draft, radiometry) - usual) for draft in drafts) if usual else 0


def _untold_notes(
    drafts: Sequence[Draft], untold: Sequence[Draft], radiometry: Radiometry
) -> list[str]:
    if not untold:
        return []
    usual = radiometry.of(untold[0], _integers(untold[0])[0])
    return _note(
        untold,
        f"tell no scale and offset, which are taken to be {usual.scale:g} and {usual.offset:g}, "
        f"though {_differing(drafts, untold, radiometry)} of the stack come to others. If these "
        "have the same, fetch them again, complete them, such as with gdal_edit, or give --scale "
        "and --offset.",
    )


def _raw_notes(drafts: Sequence[Draft], radiometry: Radiometry) -> list[str]:
    raw = [
        draft
        for draft in drafts
        if RAW in draft.path.name
        and any(radiometry.of(draft, band).scale == DN_SCALE for band in draft.layers)
    ]
    return _note(
        raw,
        "are taken to hold reflectance x 10000. Sentinel Hub's browser also writes 16 bits as "
        "reflectance x 65535: if these are so, give --scale 1.526e-5.",
    )


def _outweighed(drafts: Sequence[Draft], radiometry: Radiometry) -> list[str]:
    declaring = sum(any(_tells(draft, band) for band in draft.layers) for draft in drafts)
    if radiometry == Radiometry() or not declaring:
        return []
    return [
        f"{declaring} of {len(drafts)} scenes carry their own scale and offset, which what was "
        f"given outweighs."
    ]


def _tells(draft: Draft, band: str) -> bool:
    product = draft.product
    return _declares(draft, band) or bool(product and product.scales)


def _is_by_baseline(draft: Draft, radiometry: Radiometry) -> bool:
    """Whether a baseline alone says that there is an offset."""
    if not draft.product or not draft.product.has_offset:
        return False
    found = (radiometry.of(draft, band) for band in draft.layers)
    return any(one.offset and one.offset_from.startswith("baseline") for one in found)


def _is_against_baseline(draft: Draft) -> bool:
    has_offset = draft.product and draft.product.has_offset and not draft.product.offsets
    own = (declared(layer)[1] == 0 for layer in draft.layers.values())
    return bool(has_offset) and any(own)


def _is_silent(draft: Draft) -> bool:
    """Whether nothing at all tells the offset of a scene of integers."""
    product = draft.product
    if product and (product.has_own_chain or product.offsets or product.has_offset is not None):
        return False
    layers = draft.layers.values()
    return any(declared(layer)[1] is None and not _is_float(layer) for layer in layers)


def _is_untold(draft: Draft) -> bool:
    """Whether neither files nor metadata nor a baseline tell of any band of integers."""
    integers = _integers(draft)
    told = any(_tells(draft, band) for band in integers)
    return bool(integers) and not told and _is_silent(draft)


def _by_baseline(layer: Layer, product: Product) -> float | None:
    # Floats are reflectance already, as a rule.
    if product.has_offset is None or _is_float(layer):
        return None
    return BASELINE_OFFSET if product.has_offset else 0.0


def _first(*choices: tuple[float | None, str]) -> tuple[float, str]:
    return next((value, who) for value, who in choices if value is not None)


def _is_float(layer: Layer) -> bool:
    return np.dtype(layer.header.dtypes[layer.index - 1]).kind == "f"


def _baselines(drafts: Sequence[Draft]) -> str:
    found = sorted({draft.product.baseline or "" for draft in drafts if draft.product})
    return " and ".join(found)


def _note(drafts: Sequence[Draft], what: str) -> list[str]:
    if not drafts:
        return []
    count = "1 scene" if len(drafts) == 1 else f"{len(drafts)} scenes"
    return [f"{count}, such as {drafts[0].label}, {what}"]
