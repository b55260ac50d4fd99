"""Scenes from STAC items: which assets are bands, and what an item tells of their numbers."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Any

from am4cm_cli.errors import StackError
from am4cm_cli.sensors import band_name
from am4cm_cli.stacks.catalogues import is_web
from am4cm_cli.stacks.dates import Moment
from am4cm_cli.stacks.drafts import Draft, Layer
from am4cm_cli.stacks.headers import Header, read_headers
from am4cm_cli.stacks.locations import of_file_url
from am4cm_cli.stacks.products import Product

if TYPE_CHECKING:
    import pystac

LARGEST = 1e9
"""Of numbers that mean anything here."""
PICTURES = {"visual", "thumbnail", "overview", "preview", "tci", "true-color", "browse"}
"""Keys and roles of assets for the eye, which may name the bands that they show."""

_METRES = re.compile(r"_(\d\d)m$")
_BASELINE = re.compile(r"\d\d\.\d\d")
_IN_NAME = re.compile(r"_N(\d\d)(\d\d)_")


@dataclass(frozen=True, kw_only=True)
class BandAsset:
    """One band of one item."""

    band: str
    path: Path
    index: int
    """Inside the file, from 1."""
    rank: tuple[int, ...]
    """Of several for a band the lowest counts: what can be fetched, alone in its file, no JPEG
    2000, finer."""
    scale: float | None
    offset: float | None
    """In reflectance; None where the item declares none."""
    nodata: float | None


def draft_items(items: "Sequence[pystac.Item]") -> tuple[list[Draft], list[str]]:
    """Make scenes of items, opening their assets; and notes.

    Raises:
        UnreadableError: an asset cannot be opened.
        StackError: an item has no bands or no date.
    """
    chosen = [choose_assets(item) for item in items]
    paths = {asset.path for assets in chosen for asset in assets.values()}
    headers = {header.path: header for header in read_headers(sorted(paths))}
    drafts = [
        Draft(label=item.id, layers=_layers(assets, headers), product=_product(item, assets))
        for item, assets in zip(items, chosen, strict=True)
    ]
    return drafts, _notes(items)


def _layers(assets: Mapping[str, BandAsset], headers: Mapping[Path, Header]) -> dict[str, Layer]:
    used = {(asset.path, asset.index) for asset in assets.values()}
    layers = {}
    for band, asset in assets.items():
        header = _checked(headers[asset.path], asset)
        # Unless it is an image itself: some programs declare a fourth band to be alpha.
        alpha = None if (asset.path, header.alpha) in used else header.alpha
        layers[band] = Layer(header=header, index=asset.index, alpha=alpha)
    return layers


def _checked(header: Header, asset: BandAsset) -> Header:
    if header.count < asset.index:
        raise StackError(
            f"{header.path}: has {header.count} bands, but its item says that {asset.band} is "
            f"number {asset.index}. Mend the item."
        )
    return header


def choose_assets(item: "pystac.Item") -> dict[str, BandAsset]:
    """The best asset for each band, in the sensor's order of names."""
    best: dict[str, BandAsset] = {}
    for asset in _band_assets(item):
        before = best.get(asset.band)
        if before is None or asset.rank < before.rank:
            best[asset.band] = asset
    if not best:
        raise StackError(
            f"{item.id}: none of its assets is a band (found "
            f"{', '.join(list(item.assets)[:8]) or 'none'}); expected assets called B02, blue, "
            "..., or with eo:bands. Take the item out, or name bands in it."
        )
    _refuse_far(item, best)
    return dict(sorted(best.items()))


def _band_assets(item: "pystac.Item") -> Iterator[BandAsset]:
    for key, asset in item.assets.items():
        words = {key.lower().partition("_")[0], *map(str.lower, map(str, asset.roles or []))}
        if words & PICTURES:
            continue
        bands = _bands(asset)
        _check_href(item, key, asset.href)
        href = asset.get_absolute_href() or asset.href
        for place, told in enumerate(bands):
            name = _name(told, key if len(bands) == 1 else "")
            if name:
                yield BandAsset(
                    band=name,
                    path=_path(href),
                    index=place + 1,
                    rank=_rank(key, asset, href, len(bands)),
                    scale=_number(item, told, "scale"),
                    offset=_number(item, told, "offset"),
                    nodata=_number(item, told, "nodata"),
                )


def _bands(asset: "pystac.Asset") -> list[dict[str, Any]]:
    """What is told of each band of an asset: by STAC 1.1, by extensions before it; at least one."""
    fields = asset.extra_fields
    lists = [_dicts(fields.get(name)) for name in ("bands", "eo:bands", "raster:bands")]
    count = max(1, *map(len, lists))
    # Of several bands each has its own name; what an asset says is of all its bands.
    shared = {key: value for key, value in fields.items() if not isinstance(value, (list, dict))}
    return [
        {**shared, **{k: v for some in lists if place < len(some) for k, v in some[place].items()}}
        for place in range(count)
    ]


def _dicts(value: Any) -> list[dict[str, Any]]:
    whole = isinstance(value, list) and all(isinstance(one, dict) for one in value)
    return value if whole else []


def _name(told: Mapping[str, Any], key: str) -> str | None:
    """By the band's own name, by the asset's key, or by a common name, which several may share."""
    bare = key.lower().removesuffix("-jp2").removesuffix("_jp2")
    common = told.get("eo:common_name", told.get("common_name"))
    words = (told.get("name"), bare, common)
    return next(
        (name for word in words if isinstance(word, str) and (name := band_name(word))), None
    )


def _rank(key: str, asset: "pystac.Asset", href: str, bands: int) -> tuple[int, ...]:
    is_jpeg = "jp2" in (asset.media_type or "").lower() or ".jp2" in href.lower()
    metres = _METRES.search(key.lower())
    return not _is_near(href), bands, is_jpeg, int(metres[1]) if metres else 0


def _is_near(href: str) -> bool:
    return is_web(href) or href.startswith("file://") or "://" not in href


def _check_href(item: "pystac.Item", key: str, href: Any) -> None:
    if not isinstance(href, str) or not href or "\0" in href:
        raise StackError(f"{item.id}: its asset {key} has the href {href!r}; expected a place.")
    if is_web(item.get_self_href() or "") and href.startswith("file:"):
        raise StackError(
            f"{item.id}: is of the web, but its asset {key} is {href} of this machine; expected "
            "a URL."
        )


def _path(href: str) -> Path:
    return Path(f"/vsicurl/{href}") if is_web(href) else of_file_url(href)


def _refuse_far(item: "pystac.Item", assets: Mapping[str, BandAsset]) -> None:
    far = [asset for asset in assets.values() if asset.rank[0]]
    if far:
        scheme = str(far[0].path).partition(":")[0]
        raise StackError(
            f"{item.id}: its {far[0].band} is at {far[0].path}; am4cm reads files and https, no "
            f"{scheme}. Take a catalogue with https assets, or fetch the files and name their "
            "folder."
        )


def _number(item: "pystac.Item", told: Mapping[str, Any], name: str) -> float | None:
    value = told.get(f"raster:{name}", told.get(name))
    if value is None or (name == "nodata" and value in ("nan", "inf", "-inf")):
        return None
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not -LARGEST < value < LARGEST:
        told_as = repr(value)[:60]
        raise StackError(f"{item.id}: declares a {name} of {told_as}; expected a number.")
    if (name == "offset" and abs(value) > 1) or (name == "scale" and value <= 0):
        raise StackError(
            f"{item.id}: declares a {name} of {value:g}; expected reflectance = number * scale + "
            "offset, such as 0.0001 and -0.1. Mend the item."
        )
    return float(value)


def _product(item: "pystac.Item", assets: Mapping[str, BandAsset]) -> Product:
    own = item.properties
    nodata = {asset.nodata for asset in assets.values()}
    orbit = own.get("sat:relative_orbit")
    offsets = {band: _offset(item, asset) for band, asset in assets.items()}
    return Product(
        source=f"the item {item.id}",
        level=_level(item),
        baseline=_baseline(item),
        moment=_moment(item),
        tile=_tile(own),
        orbit=orbit if isinstance(orbit, int) else None,
        cloud_share=_share(own.get("eo:cloud_cover")),
        scales={band: a.scale for band, a in assets.items() if a.scale is not None},
        offsets={band: offset for band, offset in offsets.items() if offset is not None},
        nodata=nodata.pop() if len(nodata) == 1 else None,
    )


def _offset(item: "pystac.Item", asset: BandAsset) -> float | None:
    """In reflectance; None where the item declares none, and its baseline may tell.

    Earth Search says whether it has added the offset to the numbers; where it has, its items may
    declare it nonetheless.
    """
    return 0.0 if _is_harmonised(item) else asset.offset


def _share(percent: Any) -> float | None:
    """0 to 1; None for what is no percentage."""
    is_number = isinstance(percent, (int, float)) and not isinstance(percent, bool)
    return percent / 100 if is_number and 0 <= percent <= 100 else None


def _is_harmonised(item: "pystac.Item") -> bool:
    return item.properties.get("earthsearch:boa_offset_applied") is True


def _baseline(item: "pystac.Item") -> str | None:
    for name in ("s2:processing_baseline", "processing:version"):
        told = str(item.properties.get(name, ""))
        if _BASELINE.fullmatch(told):
            return told
    names = (str(item.properties.get(name, "")) for name in ("s2:product_uri", "title"))
    found = next((match for name in (*names, item.id) if (match := _IN_NAME.search(name))), None)
    return f"{found[1]}.{found[2]}" if found else None


def _level(item: "pystac.Item") -> str | None:
    own = item.properties
    told = " ".join(
        str(text)
        for text in (own.get("s2:product_type"), own.get("processing:level"), item.collection_id)
    ).upper()
    if "MSI1C" in told or "L1C" in told:
        return "L1C"
    return "L2A" if "MSI2A" in told or "L2A" in told else None


def _tile(own: Mapping[str, Any]) -> str | None:
    told = str(own.get("s2:mgrs_tile") or own.get("grid:code") or "")
    found = re.search(r"\d\d[A-Z]{3}$", told)
    return f"T{found[0]}" if found else None


def _moment(item: "pystac.Item") -> Moment:
    time = item.datetime or item.common_metadata.start_datetime
    if time is None:
        raise StackError(f"{item.id}: tells no datetime; expected one. Mend the item.")
    if time.tzinfo is not None:
        time = time.astimezone(UTC).replace(tzinfo=None)
    return Moment(time=time.replace(microsecond=0), has_clock=True)


def _notes(items: "Sequence[pystac.Item]") -> list[str]:
    count = sum(map(_is_harmonised, items))
    if not count:
        return []
    return [
        f"{count} of {len(items)} items hold numbers that Earth Search has added the offset to: it "
        "counts as 0."
    ]
