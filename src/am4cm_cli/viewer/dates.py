"""What a page holds of each date, and of the pixels that have a series."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from am4cm_cli.classes import UNKNOWN
from am4cm_cli.rasters.cache import bounded_cache
from am4cm_cli.rasters.masks import MaskFile, read_probability
from am4cm_cli.viewer.classmaps import read_classes
from am4cm_cli.viewer.coding import (
    STEP,
    encode_numbers,
    encode_picture,
    encode_reflectance,
    picture_type,
)
from am4cm_cli.viewer.images import Images, Seen
from am4cm_cli.viewer.view import View


@dataclass(frozen=True, kw_only=True)
class Sources:
    """Whatever a page is made of."""

    mask: MaskFile
    images: Images | None = None
    classes: MaskFile | None = None


@dataclass(frozen=True, kw_only=True)
class DateParts:
    """One date."""

    percent: NDArray[np.uint8]
    """(P,) probability of the pixels that have a series; UNKNOWN for none."""
    seen: Seen | None
    """(B, P) reflectance of these; None without images."""
    texts: dict[str, str]
    """Pictures as text: probability, classes, and looks by their keys."""


def date_facts(sources: Sources, view: View, dates: Iterable[int]) -> dict[str, Any]:
    """Everything that a page shows of the dates of a mask, as JSON values.

    Args:
        sources: to show.
        view: how finely.
        dates: numbers of the mask's bands from 0, all of them; the caller may follow them.
    """
    with bounded_cache():
        parts = list(_read(sources, view, dates))
    return {
        "height": view.shape[0],
        "width": view.shape[1],
        "probability": [part.texts["probability"] for part in parts],
        "classes": [part.texts["classes"] for part in parts] if sources.classes else None,
        "looks": _looks(sources, view, parts),
        "series": {
            "rows": view.rows.tolist(),
            "columns": view.columns.tolist(),
            "probability": encode_numbers(np.stack([part.percent for part in parts], axis=1)),
            "step": STEP,
            "bands": _bands(sources.images, parts),
        },
    }


def _read(sources: Sources, view: View, dates: Iterable[int]) -> Iterator[DateParts]:
    images = sources.images
    scenes: Iterator[Seen | None] = repeat(None) if images is None else images.read(view.shape)
    for index, seen in zip(dates, scenes, strict=False):
        percent = read_percent(sources.mask, index, view.shape)
        texts = {"probability": encode_numbers(percent)}
        if sources.classes is not None:
            texts["classes"] = encode_numbers(read_classes(sources.classes, index, view.shape))
        if images is not None and seen is not None:
            texts |= _paint(images, seen, view)
        yield DateParts(
            percent=view.series(percent),
            seen=seen and Seen(view.series(seen.reflectance), view.series(seen.valid)),
            texts=texts,
        )


def read_percent(mask: MaskFile, index: int, shape: tuple[int, int]) -> NDArray[np.uint8]:
    """(Y, X) probability of a date in whole percent, UNKNOWN for none, in few pixels."""
    share = read_probability(mask, shape, indexes=[index])[0]
    known = ~np.isnan(share)
    return np.where(known, np.rint(100 * np.where(known, share, 0)), UNKNOWN).astype(np.uint8)


def _paint(images: Images, seen: Seen, view: View) -> dict[str, str]:
    kind = picture_type(lossless=view.lossless)
    return {
        look.key: encode_picture(look.paint(images.bands, seen.reflectance, seen.valid), kind)
        for look in images.looks
    }


def _looks(sources: Sources, view: View, parts: list[DateParts]) -> list[dict[str, Any]]:
    return [
        {
            "key": look.key,
            "label": look.label,
            "bands": list(look.bands),
            "type": picture_type(lossless=view.lossless),
            "dates": [part.texts[look.key] for part in parts],
        }
        for look in (sources.images.looks if sources.images else ())
    ]


def _bands(images: Images | None, parts: list[DateParts]) -> list[dict[str, str]]:
    """Series of reflectance, seen and under a clear sky."""
    if images is None:
        return []
    reflectance = np.stack([part.seen.reflectance for part in parts if part.seen])
    valid = np.stack([part.seen.valid for part in parts if part.seen])
    clear_sky = images.clear_sky(reflectance, valid)
    found = {}
    for band, clear in zip(images.shown, clear_sky, strict=True):
        seen = np.where(valid, reflectance[:, images.bands.index(band)], np.nan)
        found[band] = {
            "name": band,
            "seen": encode_reflectance(seen.T),
            "clear": encode_reflectance(clear.T),
        }
    return list(found.values())
