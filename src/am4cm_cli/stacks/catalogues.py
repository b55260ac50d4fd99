"""Items of STAC catalogues: collections of items, static catalogues, files of one item."""

import json
from collections import deque
from collections.abc import Mapping, Sequence
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import URLError
from urllib.parse import urlparse
from urllib.request import Request, urlopen

from am4cm_cli.errors import MissingExtraError, StackError, first_line

if TYPE_CHECKING:
    import pystac

SUFFIXES = {".json", ".geojson"}
MOST_BYTES = 2**27
"""Of one JSON file."""
MOST_FILES = 2**14
"""JSON files of one catalogue, and items."""
SECONDS_TO_ANSWER = 60
DOWN = {"child", "item", "items"}
"""Links from a catalogue to what it holds."""
EXPECTED = "expected a STAC catalogue, a collection, an item, or a FeatureCollection of items"


def is_catalogue(source: str) -> bool:
    """Whether a file or URL is JSON by its name, or a search of a STAC server."""
    if not is_web(source):
        return Path(source).suffix.lower() in SUFFIXES and Path(source).is_file()
    path = urlparse(source).path
    return Path(path).suffix.lower() in SUFFIXES or path.endswith(("/items", "/search"))


def is_web(href: str) -> bool:
    """Whether a place is of the web."""
    return href.lower().startswith(("http://", "https://"))


def read_items(source: str) -> tuple["list[pystac.Item]", list[str]]:
    """Read all items that a JSON file or URL holds or leads to, each once; and notes.

    What an item names is relative to the item's own place.

    Raises:
        MissingExtraError: pystac is not installed.
        StackError: something is no STAC, cannot be fetched, or there is too much of it.
    """
    try:
        import pystac
    except ImportError as error:
        raise MissingExtraError(
            f'{source}: pystac is not installed. Install it with pip install "am4cm[stac]".'
        ) from error
    start = source if is_web(source) else str(Path(source).absolute())
    todo, seen = deque([start]), {start}
    items: list[pystac.Item] = []
    notes: list[str] = []
    while todo:
        place = todo.popleft()
        found = _read_json(place)
        items += [_item(one, place) for one in _features(found, place)]
        for href in _links(found, place, DOWN):
            if href not in seen:
                seen.add(href)
                todo.append(href)
        if _links(found, place, {"next"}):
            notes.append(f"{place}: is one page of several; the others are not read.")
        if max(len(seen), len(items)) > MOST_FILES:
            raise StackError(f"{source}: leads to more than {MOST_FILES} files; name a part of it.")
    if not items:
        raise StackError(f"{source}: holds no items; expected at least one for each date.")
    return items, notes


def _read_json(place: str) -> Mapping[str, Any]:
    try:
        text = _fetch(place) if is_web(place) else _load(Path(place))
        found = json.loads(text)
    except (OSError, URLError, HTTPException) as error:
        raise StackError(
            f"{place}: cannot be read ({getattr(error, 'strerror', None) or first_line(error)}); "
            f"{EXPECTED}. Check the name, or fetch it anew."
        ) from error
    except (ValueError, RecursionError) as error:
        raise StackError(f"{place}: is no JSON ({first_line(error)}); {EXPECTED}.") from error
    if not isinstance(found, dict):
        raise StackError(f"{place}: holds {type(found).__name__}; {EXPECTED}.")
    return found


def _load(path: Path) -> bytes:
    with path.open("rb") as file:
        return _bounded(file.read(MOST_BYTES + 1), str(path))


def _fetch(url: str) -> bytes:
    request = Request(url, headers={"Accept": "application/geo+json, application/json"})  # noqa: S310  # is_web
    with urlopen(request, timeout=SECONDS_TO_ANSWER) as answer:  # noqa: S310  # is_web
        return _bounded(answer.read(MOST_BYTES + 1), url)


def _bounded(text: bytes, place: str) -> bytes:
    if len(text) > MOST_BYTES:
        raise StackError(f"{place}: is larger than {MOST_BYTES} bytes; {EXPECTED}.")
    return text


def _features(found: Mapping[str, Any], place: str) -> Sequence[Any]:
    kind = found.get("type")
    if kind == "Feature":
        return [found]
    if kind == "FeatureCollection":
        features = found.get("features")
        if not isinstance(features, list):
            raise StackError(f"{place}: its features are no list; {EXPECTED}.")
        return features
    # Before version 1.0 catalogues had no type.
    if kind in ("Catalog", "Collection") or "stac_version" in found:
        return []
    raise StackError(f"{place}: is of type {repr(kind)[:60]}; {EXPECTED}.")


def _links(found: Mapping[str, Any], place: str, kinds: set[str]) -> list[str]:
    """Absolute places of links; an item's own lead elsewhere."""
    from pystac.utils import make_absolute_href

    links = found.get("links")
    if found.get("type") == "Feature" or not isinstance(links, list):
        return []
    hrefs = [
        link.get("href") for link in links if isinstance(link, dict) and link.get("rel") in kinds
    ]
    return [_near(make_absolute_href(str(href), place), place) for href in hrefs]


def _near(href: str, place: str) -> str:
    if is_web(place) and not is_web(href):
        raise StackError(f"{place}: links to {href}, which is not of the web; expected a URL.")
    return href


def _item(found: Any, place: str) -> "pystac.Item":
    import pystac

    try:
        item = pystac.Item.from_dict(found, preserve_dict=True)
        own = item.get_self_href()
        item.set_self_href(own if own and (is_web(own) or Path(own).is_absolute()) else place)
    except (pystac.STACError, pystac.STACTypeError, *_NO_ITEM) as error:
        raise StackError(
            f"{place}: holds something that is no item ({first_line(error)}); {EXPECTED}."
        ) from error
    _check_words(item, place)
    return item


def _check_words(item: "pystac.Item", place: str) -> None:
    """Pystac takes anything for the texts of an item."""
    told: list[tuple[str, object]] = [("id", item.id)]
    for key, asset in item.assets.items():
        roles = [] if asset.roles is None else asset.roles
        told += [(f"type of {key}", "" if asset.media_type is None else asset.media_type)]
        told += [(f"role of {key}", role) for role in (roles if isinstance(roles, list) else [0])]
    for what, value in told:
        if not isinstance(value, str):
            raise StackError(f"{place}: an item's {what} is {repr(value)[:60]}; expected a text.")


_NO_ITEM = (KeyError, TypeError, ValueError, AttributeError, IndexError, RecursionError)
"""What pystac raises of dicts that are none."""
