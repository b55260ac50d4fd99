"""STAC items and their collection, as plain JSON: one item for each date of a mask."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from rasterio.crs import CRS
from rasterio.warp import transform_geom

from am4cm_cli.classes import (
    CLASS_COLOURS,
    CLASS_NAMES,
    MASKED_COLOURS,
    MASKED_NAMES,
    UNKNOWN,
)
from am4cm_cli.rasters.masks import MaskFile
from am4cm_cli.stacks.grids import pixel_size
from am4cm_cli.stacks.stack import Grid

VERSION = "1.0.0"
"""Of STAC: all readers know it, and newer ones bring it up to date by themselves."""
EXTENSIONS = {
    name: f"https://stac-extensions.github.io/{name}/v1.1.0/schema.json"
    for name in ("projection", "raster", "eo", "classification")
}
COG = "image/tiff; application=geotiff; profile=cloud-optimized"
EDGE_POINTS = 9
"""Along each side of a footprint, so that it bends as the grid does."""

Json = dict[str, Any]


def item(
    name: str,
    time: datetime,
    grid: Grid,
    assets: Mapping[str, Json],
    *,
    cloud_cover: float | None,
    facts: Mapping[str, str],
) -> Json:
    """One date.

    Args:
        name: its id, unique in the collection.
        time: of acquisition, UTC.
        grid: of all assets.
        assets: see `asset`.
        cloud_cover: percent of what was observed; None where it is not known.
        facts: more properties.
    """
    geometry = footprint(grid)
    properties: Json = {"datetime": _iso(time), **_projection(grid), **facts}
    used = ["projection", "raster"]
    if cloud_cover is not None:
        properties["eo:cloud_cover"] = round(cloud_cover, 2)
        used.append("eo")
    if any("classification:classes" in own for own in assets.values()):
        used.append("classification")
    return {
        "type": "Feature",
        "stac_version": VERSION,
        "stac_extensions": [EXTENSIONS[extension] for extension in used],
        "id": name,
        "geometry": geometry,
        "bbox": bounding_box(geometry),
        "properties": properties,
        "links": _links("../collection.json"),
        "assets": dict(assets),
        "collection": None,
    }


def asset(mask: MaskFile, href: str) -> Json:
    """One date of a raster, in a file of its own."""
    scaled = mask.content == "probability"
    band: Json = {
        "data_type": mask.dtype,
        "nodata": "nan" if mask.full == 1 else int(mask.nodata),
        "sampling": "area",
        **({"scale": 1 / mask.full, "offset": 0.0} if scaled else {}),
        **({"spatial_resolution": pixel_size(mask.grid)[0]} if mask.grid.crs.is_projected else {}),
    }
    found: Json = {
        "href": href,
        "type": COG,
        "title": _title(mask),
        "roles": ["data", "cloud"] if scaled else ["data", "data-mask"],
        "raster:bands": [band],
    }
    classes = _classes(mask.content)
    return {**found, "classification:classes": classes} if classes else found


def collection(name: str, title: str, items: Sequence[Json]) -> Json:
    """All dates together, each in a folder of its name."""
    times = sorted(each["properties"]["datetime"] for each in items)
    return {
        "type": "Collection",
        "stac_version": VERSION,
        "stac_extensions": [],
        "id": name,
        "title": title,
        "description": f"{title}, by am4cm: one item for each date.",
        "keywords": ["am4cm", "cloud mask", "sentinel-2"],
        "license": "proprietary",
        "extent": {
            "spatial": {"bbox": [items[0]["bbox"]]},
            "temporal": {"interval": [[times[0], times[-1]]]},
        },
        "links": [
            *_links("./collection.json", up=False),
            *(_item_link(each) for each in items),
        ],
    }


def footprint(grid: Grid) -> Json:
    """The outline of a grid in WGS84, cut where it crosses the 180th meridian."""
    height, width = grid.shape
    steps = [step / (EDGE_POINTS - 1) for step in range(EDGE_POINTS)]
    # Down the left side first: against the clock, as GeoJSON wants it, where north is up.
    edge = [
        *((0, step) for step in steps[:-1]),
        *((step, 1) for step in steps[:-1]),
        *((1, 1 - step) for step in steps[:-1]),
        *((1 - step, 0) for step in steps),
    ]
    ring = [grid.transform @ (x * width, y * height) for x, y in edge]
    outline = {"type": "Polygon", "coordinates": [ring]}
    # Cut at the 180th meridian, as GDAL always does.
    wgs84 = transform_geom(grid.crs, CRS.from_epsg(4326), outline, precision=7)
    return {"type": wgs84["type"], "coordinates": _lists(wgs84["coordinates"])}


def bounding_box(geometry: Json) -> list[float]:
    """West, south, east, north; west is the larger across the 180th meridian."""
    if geometry["type"] == "Polygon":
        return _box(geometry["coordinates"])
    boxes = [_box(part) for part in geometry["coordinates"]]
    west = min(box[0] for box in boxes if box[0] >= 0)
    east = max(box[2] for box in boxes if box[2] <= 0)
    return [west, min(box[1] for box in boxes), east, max(box[3] for box in boxes)]


def _box(rings: Sequence[Sequence[Sequence[float]]]) -> list[float]:
    points = [point for ring in rings for point in ring]
    xs, ys = zip(*((point[0], point[1]) for point in points), strict=True)
    return [min(xs), min(ys), max(xs), max(ys)]


def _lists(coordinates: Any) -> Any:
    """Tuples as JSON gives them back."""
    if isinstance(coordinates, tuple | list):
        return [_lists(each) for each in coordinates]
    return coordinates


def _projection(grid: Grid) -> Json:
    code = grid.crs.to_epsg()
    return {
        "proj:epsg": code,
        **({} if code else {"proj:wkt2": grid.crs.to_wkt(version="WKT2_2019")}),
        "proj:shape": list(grid.shape),
        "proj:transform": list(grid.transform)[:6],
    }


def _classes(content: str) -> list[Json]:
    found = {
        "classes": (CLASS_NAMES, CLASS_COLOURS),
        "binary mask": (MASKED_NAMES, MASKED_COLOURS),
    }.get(content)
    if found is None:
        return []
    names, colours = found
    classes: list[Json] = [
        {
            "value": value,
            "name": name.replace(" ", "_"),
            "description": name,
            "color_hint": colours[value].removeprefix("#").upper(),
        }
        for value, name in names.items()
    ]
    return [*classes, {"value": UNKNOWN, "name": "nodata", "description": "not observed"}]


def _title(mask: MaskFile) -> str:
    if mask.content == "probability":
        return mask.title
    return mask.content.capitalize()


def _links(root: str, *, up: bool = True) -> list[Json]:
    kind = "application/json"
    found = [{"rel": "root", "href": root, "type": kind}]
    if up:
        found += [{"rel": rel, "href": root, "type": kind} for rel in ("parent", "collection")]
    return found


def _item_link(each: Json) -> Json:
    name = each["id"]
    return {"rel": "item", "href": f"./{name}/{name}.json", "type": "application/geo+json"}


def _iso(time: datetime) -> str:
    return time.isoformat(timespec="seconds") + "Z"
