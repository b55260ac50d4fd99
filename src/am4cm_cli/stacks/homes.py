"""Band files that lie in Sentinel-2's own products, and those that don't."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from am4cm_cli.errors import StackError
from am4cm_cli.stacks.locations import is_virtual, stem
from am4cm_cli.stacks.metadata import read_product
from am4cm_cli.stacks.names import tile_in
from am4cm_cli.stacks.products import Product
from am4cm_cli.stacks.safe import Home, find_homes
from am4cm_cli.stacks.sources import BandOfScene

_NATIVE = re.compile(r"(?:L2A_)?T\d\d[A-Z]{3}_(\d{8})T\d{6}")


@dataclass(frozen=True, kw_only=True)
class Housed:
    """Band files, told apart."""

    parts: list[BandOfScene]
    """In products; their scene is called as the product is."""
    products: Mapping[str, Product]
    """By scene."""
    others: list[BandOfScene]
    notes: list[str]


def tell_apart(parts: Sequence[BandOfScene]) -> Housed:
    """Find the products that band files lie in, and read their metadata, once each.

    A product that is there twice, such as unpacked and as a zip, is read once.

    Raises:
        StackError: a product's metadata is missing or cannot be used.
    """
    homes = find_homes(part.path for part in parts)
    kept, notes = _once(homes)
    own: defaultdict[Path, list[BandOfScene]] = defaultdict(list)
    for part in parts:
        if part.path in homes and homes[part.path].folder in kept:
            own[homes[part.path].folder].append(part)
    housed, products = [], {}
    for folder, found in own.items():
        product = read_product(kept[folder])
        _check_dates(kept[folder], product, found)
        for part in _labelled(kept[folder], found):
            housed.append(part)
            tile = product.tile or tile_in(stem(part.path))
            products[part.scene] = replace(product, tile=tile)
    others = [part for part in parts if part.path not in homes]
    return Housed(parts=housed, products=products, others=others, notes=notes)


def _once(homes: Mapping[Path, Home]) -> tuple[dict[Path, Home], list[str]]:
    """Homes by folder, of those with the same name the one that is unpacked, else the first."""
    ranked = sorted({home.folder: home for home in homes.values()}.items(), key=_is_packed)
    kept: dict[str, Home] = {}
    notes = []
    for folder, home in ranked:
        first = kept.setdefault(home.label, home)
        if first is not home:
            notes.append(f"{folder} is the same product as {first.folder}; read once.")
    return {home.folder: home for home in kept.values()}, notes


def _is_packed(home: tuple[Path, Home]) -> bool:
    return is_virtual(home[0])


def _check_dates(home: Home, product: Product, parts: Sequence[BandOfScene]) -> None:
    """Metadata left in a folder of other products' images would make wrong reflectance of them."""
    for part in parts:
        found = _NATIVE.match(part.scene)
        told = product.moment and f"{product.moment.time:%Y%m%d}"
        if found and found[1] != told:
            raise StackError(
                f"{home.folder / home.metadata}: is of {told}, but {part.path} is of {found[1]}; "
                f"expected a product's own images. Keep each product in a folder of its own."
            )


def _labelled(home: Home, parts: Sequence[BandOfScene]) -> list[BandOfScene]:
    """Name scenes after their product; of one with many tiles, until 2016, also by themselves."""
    if len({part.scene for part in parts}) == 1:
        return [replace(part, scene=home.label) for part in parts]
    return [replace(part, scene=f"{home.label}/{part.scene}") for part in parts]
