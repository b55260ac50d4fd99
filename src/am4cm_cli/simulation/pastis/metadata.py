"""metadata.geojson: where every patch lies, and what there is to know about it."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from rasterio.warp import transform

from am4cm_cli.simulation.pastis.sites import Site

LAMBERT_93 = "EPSG:2154"


def collection(features: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The whole file."""
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::2154"}}
    return {"type": "FeatureCollection", "name": "metadata", "crs": crs, "features": features}


def feature(site: Site, *, dates: Sequence[date], parcels: int, cover: float) -> dict[str, Any]:
    """A patch.

    Args:
        site: Which one.
        dates: Of its images, in order.
        parcels: How many there are, void ones too.
        cover: Share of its pixels that they take.
    """
    numbers = {str(place): int(f"{day:%Y%m%d}") for place, day in enumerate(dates)}
    return {
        "type": "Feature",
        "id": str(site.number),
        "properties": {
            "Fold": site.fold,
            "ID_PATCH": site.number,
            "N_Parcel": parcels,
            "Parcel_Cover": cover,
            "TILE": site.tile.name,
            "dates-S2": numbers,
        },
        "geometry": {"type": "MultiPolygon", "coordinates": [[_footprint(site)]]},
    }


def _footprint(site: Site) -> list[list[float]]:
    """Corners in Lambert-93, clockwise, the first one twice; the UTM square stands askew there."""
    west, east = site.west, site.west + site.extent
    north, south = site.north, site.north - site.extent
    across, along = transform(
        f"EPSG:{site.tile.epsg}",
        LAMBERT_93,
        [west, east, east, west, west],
        [north, north, south, south, north],
    )
    return [[x, y] for x, y in zip(across, along, strict=True)]
