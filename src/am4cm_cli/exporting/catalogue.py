"""A static STAC collection: a folder with an item and its rasters for each date."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from am4cm_cli.errors import OutputError
from am4cm_cli.exporting.copies import DATED, copy_date
from am4cm_cli.exporting.cubes import NAMES
from am4cm_cli.exporting.items import Json, asset, collection, item
from am4cm_cli.exporting.names import file_names
from am4cm_cli.exporting.shares import tally_zones
from am4cm_cli.exporting.times import scene_times
from am4cm_cli.exporting.zones import whole_grid
from am4cm_cli.folders import new_folder
from am4cm_cli.progress import Track
from am4cm_cli.rasters.masks import MaskFile
from am4cm_cli.stacks.stack import Grid
from am4cm_cli.storage import Storage

COLLECTION = "collection.json"
FACTS = {"AM4CM_VERSION": "version", "AM4CM_METHOD": "method", "AM4CM_TARGET": "target"}
"""Tags that items repeat, by name there."""


def write_catalogue(
    rasters: Sequence[MaskFile],
    out: Path,
    storage: Storage,
    *,
    threshold: float,
    name: str,
    track: Track = iter,
) -> None:
    """Write a folder that can be moved as it is; it appears whole.

    Args:
        rasters: of the same dates and grid, probabilities first; each is an asset.
        out: folder to write.
        storage: of the rasters in it.
        threshold: percent, from which on a pixel counts as cloudy.
        name: id of the collection.
        track: follows the dates.

    Raises:
        OutputError: it cannot be written, or the grid lies nowhere on Earth.
        StackError: the rasters don't belong together, or cannot be read.
    """
    mask = rasters[0]
    _check(rasters, out)
    names, times = file_names(mask.path, mask.names), scene_times(mask)
    covers = _covers(mask, threshold)
    facts = {f"am4cm:{key}": mask.tags[tag] for tag, key in FACTS.items() if tag in mask.tags}
    items: list[Json] = []
    with new_folder(out, members=[COLLECTION, DATED], overwrite=out.exists()) as folder:
        for index, date in track(list(enumerate(names))):
            (folder / date).mkdir()
            assets = _assets(rasters, index, folder / date, storage, out)
            own = item(
                date, times[index], mask.grid, assets, cloud_cover=covers[index], facts=facts
            )
            items.append({**own, "collection": name})
            _write(folder / date / f"{date}.json", items[-1])
        _write(folder / COLLECTION, collection(name, f"Cloud masks {name}", items))


def check_place_on_earth(out: Path, grid: Grid) -> None:
    """Raise OutputError for a grid whose items would lie nowhere."""
    if not grid.crs:
        raise OutputError(
            f"{out}: the mask has no CRS, so its items would lie nowhere on Earth; expected one. "
            "Mask images that have a CRS."
        )


def is_catalogue(folder: Path) -> bool:
    """Whether a folder is a collection that am4cm wrote."""
    try:
        found = json.loads((folder / COLLECTION).read_text(encoding="utf-8"))
        return "am4cm" in found["keywords"]
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _assets(
    rasters: Sequence[MaskFile], index: int, folder: Path, storage: Storage, out: Path
) -> Mapping[str, Json]:
    """Copy one date of every raster, and describe it."""
    assets: dict[str, Json] = {}
    for raster in rasters:
        key = NAMES.get(raster.content, raster.content)
        copy_date(raster, index, folder / f"{key}.tif", storage, shown=out)
        assets[key] = asset(raster, f"./{key}.tif")
    return assets


def _covers(mask: MaskFile, threshold: float) -> list[float | None]:
    """Percent of cloud by date; None where nothing was observed, or shadows count, too."""
    if mask.tags.get("AM4CM_TARGET", "cloud") != "cloud":
        return [None] * len(mask.names)
    (tally,) = tally_zones(mask, [whole_grid(mask.grid)], threshold=threshold)
    return [None if np.isnan(share) else 100 * share for share in tally.share.tolist()]


def _check(rasters: Sequence[MaskFile], out: Path) -> None:
    mask = rasters[0]
    check_place_on_earth(out, mask.grid)
    for raster in rasters[1:]:
        alike = (raster.names, raster.grid) == (mask.names, mask.grid)
        if not alike or raster.content == mask.content:
            raise OutputError(
                f"{raster.path}: has other dates or another grid than {mask.path}, or holds the "
                "same; expected what was written beside it."
            )


def _write(path: Path, content: Json) -> None:
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
