"""The list of patches: their folds and dates, and all that is wrong with it."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from math import isfinite
from pathlib import Path
from typing import Any

from am4cm_cli.datasets.pastis.layout import FOLDS, METADATA, STATISTICS
from am4cm_cli.sensors import LAND_BANDS

YEARS = range(1980, 2101)
"""Of dates that can be meant."""
EPOCH = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, kw_only=True)
class Patch:
    """What the metadata say of a patch."""

    number: int
    """ID_PATCH"""
    fold: int
    """0 where the metadata tell none."""
    days: tuple[int, ...]
    """Days since 1970-01-01 in the order of the images; empty where the metadata tell none."""


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """The patches in the order of their numbers, and what is wrong with the rest."""

    patches: tuple[Patch, ...]
    faults: tuple[str, ...]
    """One line each: the file, what was found, what was expected."""


def read_metadata(folder: Path) -> Metadata:
    """Read `metadata.geojson`; nothing is raised, all faults are in the answer."""
    faults: list[str] = []
    patches = [_patch(*entry, faults) for entry in _features(folder / METADATA, faults)]
    known = [patch for patch in patches if patch is not None]
    counts = Counter(patch.number for patch in known)
    faults += [
        f"{METADATA}: found patch {number} {count} times, expected once"
        for number, count in counts.items()
        if count > 1
    ]
    unique = {patch.number: patch for patch in known}
    return Metadata(
        patches=tuple(unique[number] for number in sorted(unique)), faults=tuple(faults)
    )


def _features(path: Path, faults: list[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield where each feature stands, for messages, and its properties."""
    content = _json(path, faults)
    features = content.get("features") if isinstance(content, dict) else None
    if content is not None and (not isinstance(features, list) or not features):
        faults.append(f"{METADATA}: found {_short(content)}, expected a list of features")
        return
    for place, feature in enumerate(features or []):
        properties = feature.get("properties") if isinstance(feature, dict) else None
        if isinstance(properties, dict):
            yield f"{METADATA}: feature {place}", properties
        else:
            faults.append(
                f"{METADATA}: feature {place}: found {_short(feature)}, expected properties"
            )


def _json(path: Path, faults: list[str]) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        faults.append(f"{path.name}: found no readable JSON ({reason}), expected some")
        return None


def _patch(where: str, properties: dict[str, Any], faults: list[str]) -> Patch | None:
    number = _whole(properties.get("ID_PATCH"))
    if number is None or number < 0:
        faults.append(f"{where}: found ID_PATCH {_of(properties, 'ID_PATCH')}, expected a number")
        return None
    where = f"{METADATA}: patch {number}"
    fold = _whole(properties.get("Fold"))
    if fold not in FOLDS:
        faults.append(f"{where}: found Fold {_of(properties, 'Fold')}, expected 1 to 5")
    try:
        days = _days(properties.get("dates-S2"))
    except ValueError as error:
        faults.append(f"{where}: found dates-S2 {error}")
        days = ()
    return Patch(number=number, fold=fold if fold in FOLDS else 0, days=days)


def _days(value: Any) -> tuple[int, ...]:
    """Rebuild days from {"0": 20180924, ...}, also where that is text itself.

    Raises:
        ValueError: what was found, and what was expected.
    """
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise ValueError(f"{_short(value)}, expected JSON") from None
    if not isinstance(value, dict) or not value:
        raise ValueError(f"{_short(value)}, expected a date by number such as 20180924 for each")
    places = {_whole(key): date for key, date in value.items()}
    if places.keys() != set(range(len(value))):
        raise ValueError(f"numbered {_short(list(value))}, expected 0 to {len(value) - 1}")
    return tuple(_day(places[place]) for place in range(len(value)))


def _day(value: Any) -> int:
    number = _whole(value)
    try:
        day = datetime.strptime(f"{number:08d}", "%Y%m%d").date()
    except (TypeError, ValueError):
        day = date.min
    if day.year not in YEARS:
        raise ValueError(f"{_short(value)}, expected a date such as 20180924")
    return day.toordinal() - EPOCH


def _whole(value: Any) -> int | None:
    """Take 7, 7.0 and "7" for 7; nothing else is a whole number."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return int(value) if len(value) < 19 else None
    return value if type(value) is int else None


def _of(properties: dict[str, Any], name: str) -> str:
    return _short(properties[name]) if name in properties else "nowhere"


def _short(value: Any) -> str:
    return json.dumps(value)[:60]


def statistics_faults(folder: Path) -> Iterator[str]:
    """Yield what is wrong with `NORM_S2_patch.json`; that it is missing is not.

    It is checked as a sign of a whole download: training takes statistics of its own folds.
    """
    path = folder / STATISTICS
    faults: list[str] = []
    content = _json(path, faults) if path.exists() else {}
    yield from faults
    if content is None or not path.exists():
        return
    for fold in FOLDS:
        entry = content.get(f"Fold_{fold}") if isinstance(content, dict) else None
        for name in ("mean", "std"):
            values = entry.get(name) if isinstance(entry, dict) else None
            if not _are_statistics(values):
                yield (
                    f"{STATISTICS}: found {_short(values)} as {name} of Fold_{fold}, expected "
                    f"{len(LAND_BANDS)} numbers"
                )


def _are_statistics(values: Any) -> bool:
    return (
        isinstance(values, list)
        and len(values) == len(LAND_BANDS)
        and all(type(value) in (int, float) and isfinite(value) for value in values)
    )
