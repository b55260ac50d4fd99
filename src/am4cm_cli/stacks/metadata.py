"""What the metadata of Sentinel-2's own products tell, read with distrust."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

from am4cm_cli.errors import StackError, first_line
from am4cm_cli.sensors import BAND_METRES
from am4cm_cli.stacks.archives import read_bytes
from am4cm_cli.stacks.dates import Moment
from am4cm_cli.stacks.names import tile_in
from am4cm_cli.stacks.products import Product
from am4cm_cli.stacks.safe import Home

MOST_XML = 16 * 2**20
"""Bytes of metadata; one tile has half a megabyte, the products of 2015 with many tiles some."""

_QUANTIFICATION = {
    "L1C": ("QUANTIFICATION_VALUE",),
    # The second in products from before baseline 02.12.
    "L2A": ("BOA_QUANTIFICATION_VALUE", "L2A_BOA_QUANTIFICATION_VALUE"),
}
_OFFSET = {"L1C": "RADIO_ADD_OFFSET", "L2A": "BOA_ADD_OFFSET"}


def read_product(home: Home) -> Product:
    """Read a product's metadata.

    Raises:
        StackError: it is damaged, hostile, or lacks what tells numbers from reflectance.
    """
    path = home.folder / home.metadata
    root = _parse(path, read_bytes(path, most=MOST_XML))
    level = _level(path, root)
    facts = _Facts(path, root)
    scale = 1 / facts.number(*_QUANTIFICATION[level], least=1, most=1e6)
    return Product(
        source=home.metadata,
        level=level,
        baseline=facts.text(r"\d\d\.\d\d", "PROCESSING_BASELINE"),
        moment=_moment(facts),
        tile=tile_in(home.label),
        orbit=facts.whole("SENSING_ORBIT_NUMBER"),
        cloud_share=_cloud_share(facts),
        scales=dict.fromkeys(BAND_METRES, scale),
        offsets=_offsets(facts, _OFFSET[level], scale),
        nodata=_nodata(facts),
    )


def _parse(path: Path, text: bytes) -> Element:
    # On use: most stacks need no XML.
    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    try:
        root: Element = fromstring(text, forbid_dtd=True)
    except DefusedXmlException as error:
        raise _bad(path, "defines entities or a document type, which no product needs") from error
    except (ParseError, ValueError, LookupError) as error:
        raise _bad(path, f"is no XML ({first_line(error)})") from error
    return root


def _level(path: Path, root: Element) -> str:
    found = re.fullmatch(r"Level-(1C|2A)_User_Product", _local(root))
    if not found:
        raise _bad(path, f"begins with {_local(root)[:40]!r}")
    return f"L{found[1]}"


class _Facts:
    """Values of a product's metadata by their names, whatever their namespace and place."""

    def __init__(self, path: Path, root: Element) -> None:
        self.path = path
        self._elements: dict[str, list[Element]] = {}
        for element in root.iter():
            self._elements.setdefault(_local(element), []).append(element)

    def all(self, name: str) -> list[Element]:
        """Every element of a name."""
        return self._elements.get(name, [])

    def text(self, pattern: str, *names: str) -> str:
        """The first value of these names, which must match a pattern.

        Raises:
            StackError: there is none, or it does not match.
        """
        found = next((element for name in names for element in self.all(name)), None)
        value = _value(found) if found is not None else None
        if value is None or not re.fullmatch(pattern, value):
            what = "none" if value is None else repr(value[:40])
            raise _bad(self.path, f"has {what} for {names[0]}")
        return value

    def number(self, *names: str, least: float, most: float) -> float:
        """The first value of these names as a number; StackError if it lies beyond the limits."""
        value = float(self.text(r"[+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?", *names))
        if not least <= value <= most:
            raise _bad(self.path, f"has {value:g} for {names[0]}")
        return value

    def whole(self, name: str) -> int | None:
        """A whole number that need not be there."""
        return int(self.text(r"\d{1,6}", name)) if self.all(name) else None


def _moment(facts: _Facts) -> Moment:
    text = facts.text(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z?", "PRODUCT_START_TIME")
    try:
        time = datetime.fromisoformat(text[:19]).replace(tzinfo=UTC)
    except ValueError as error:
        raise _bad(facts.path, f"has {text!r} for PRODUCT_START_TIME") from error
    return Moment(time=time.replace(tzinfo=None), has_clock=True)


def _cloud_share(facts: _Facts) -> float | None:
    name = "Cloud_Coverage_Assessment"
    return facts.number(name, least=0, most=100) / 100 if facts.all(name) else None


def _offsets(facts: _Facts, name: str, scale: float) -> Mapping[str, float]:
    """In reflectance, by band; 0 for all of a product from before there were any."""
    elements = facts.all(name)
    if not elements:
        return {} if _has_offset(facts) else dict.fromkeys(BAND_METRES, 0.0)
    return dict(_offset(facts, element, scale) for element in elements)


def _has_offset(facts: _Facts) -> bool:
    baseline = facts.text(r"\d\d\.\d\d", "PROCESSING_BASELINE")
    return bool(Product(source="", baseline=baseline).has_offset)


def _offset(facts: _Facts, element: Element, scale: float) -> tuple[str, float]:
    number, value = element.get("band_id", ""), _value(element)
    bands = tuple(BAND_METRES)
    if not re.fullmatch(r"\d\d?", number) or int(number) >= len(bands):
        raise _bad(facts.path, f"has an offset of band {number[:20]!r}")
    if not re.fullmatch(r"[+-]?\d{1,6}(\.\d*)?", value) or abs(float(value) * scale) > 1:
        raise _bad(facts.path, f"has an offset of {value[:20]!r} for {bands[int(number)]}")
    return bands[int(number)], float(value) * scale


def _nodata(facts: _Facts) -> float:
    """The number that stands for none, which is 0 of all products so far."""
    for values in facts.all("Special_Values"):
        told = {_local(child): _value(child) for child in values}
        if told.get("SPECIAL_VALUE_TEXT") == "NODATA":
            index = told.get("SPECIAL_VALUE_INDEX", "")
            if re.fullmatch(r"\d{1,5}", index):
                return float(index)
    return 0.0


def _local(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _value(element: Element) -> str:
    return (element.text or "").strip()


def _bad(path: Path, what: str) -> StackError:
    return StackError(
        f"{path}: {what}; expected the metadata of a Sentinel-2 product. Fetch the product again."
    )
