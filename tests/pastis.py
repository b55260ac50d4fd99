"""A tiny PASTIS folder with all that the real one has: same names, dtypes, bands and properties."""

import json
from pathlib import Path

import numpy as np

SIDE = 128
BANDS = 10
STATISTICS = {
    f"Fold_{fold}": {"mean": [1165.94] * BANDS, "std": [1942.62] * BANDS} for fold in range(1, 6)
}


def images(dates: int, seed: int) -> np.ndarray:
    """(T, 10, 128, 128) int16: reflectance of fields, clouds beyond 10000."""
    rng = np.random.default_rng(seed)
    return rng.integers(-200, 12000, (dates, BANDS, SIDE, SIDE), dtype=np.int16)


def target(seed: int, *, void: float = 0.1) -> np.ndarray:
    """(3, 128, 128) uint8; the classes in channel 0, of which a share is void."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 19, (3, SIDE, SIDE), dtype=np.uint8)
    codes[0][rng.random((SIDE, SIDE)) < void] = 19
    return codes


def feature(number: int, *, fold: int, dates, as_text: bool = False) -> dict:
    """A patch in the metadata; its dates are integers such as 20180924, or text of them."""
    numbered = {str(place): day for place, day in enumerate(dates)}
    corners = [[x, y] for x, y in ((0, 0), (1280, 0), (1280, 1280), (0, 1280), (0, 0))]
    return {
        "type": "Feature",
        "id": str(number),
        "properties": {
            "Fold": fold,
            "ID_PATCH": number,
            "N_Parcel": 41,
            "Parcel_Cover": 0.71,
            "TILE": "t31tfm",
            "dates-S2": json.dumps(numbered) if as_text else numbered,
        },
        "geometry": {"type": "MultiPolygon", "coordinates": [[corners]]},
    }


def days_from(first: str, dates: int) -> list[int]:
    """Every fifth day as 20180924, 20180929, ..."""
    days = np.datetime64(first) + 5 * np.arange(dates)
    return [int(str(day).replace("-", "")) for day in days]


def write_pastis(folder: Path, *, dates=(3, 4, 5), folds=None, first=10000) -> Path:
    """Write a patch per number of dates, with gaps between their numbers."""
    for name in ("DATA_S2", "ANNOTATIONS"):
        (folder / name).mkdir(parents=True)
    features = []
    for place, count in enumerate(dates):
        number = first + 3 * place
        write_patch(folder, number, images(count, number), target(number))
        features.append(
            feature(
                number,
                fold=(folds or (1, 2, 3, 4, 5))[place % len(folds or range(5))],
                dates=days_from("2018-09-24", count),
                as_text=place % 2 == 1,
            )
        )
    write_metadata(folder, features)
    (folder / "NORM_S2_patch.json").write_text(json.dumps(STATISTICS))
    return folder


def write_patch(folder: Path, number: int, stored: np.ndarray, codes: np.ndarray) -> None:
    """Write the three files of a patch."""
    np.save(folder / "DATA_S2" / f"S2_{number}.npy", stored)
    np.save(folder / "ANNOTATIONS" / f"TARGET_{number}.npy", codes)
    parcels = np.zeros((SIDE, SIDE), np.int32)
    np.save(folder / "ANNOTATIONS" / f"ParcelIDs_{number}.npy", parcels)


def write_metadata(folder: Path, features: list[dict]) -> None:
    """Write metadata.geojson in Lambert-93, as the original."""
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::2154"}}
    collection = {"type": "FeatureCollection", "crs": crs, "features": features}
    (folder / "metadata.geojson").write_text(json.dumps(collection))


def read_metadata(folder: Path) -> dict:
    """Read metadata.geojson, to change it."""
    return json.loads((folder / "metadata.geojson").read_text())
