"""Which dates a mask and something else have in common."""

from collections.abc import Sequence
from dataclasses import dataclass

from am4cm_cli.stacks.dates import find_moment


@dataclass(frozen=True, kw_only=True)
class Matches:
    """Dates of two sides."""

    pairs: tuple[tuple[str, str], ...]
    """Names on this side and on the other, in this side's order."""
    only_here: tuple[str, ...]
    only_there: tuple[str, ...]


def match(here: Sequence[str], there: Sequence[str]) -> Matches:
    """Pair names: the same text, the same second, or the same day where each side has it once."""
    keys = [_keys(here), _keys(there)]
    pairs = []
    for name in here:
        found = next((keys[1][key] for key in _ways(name) if _is_one(key, *keys)), None)
        if found is not None:
            pairs.append((name, found[0]))
    mine, theirs = ({pair[side] for pair in pairs} for side in (0, 1))
    return Matches(
        pairs=tuple(pairs),
        only_here=tuple(name for name in here if name not in mine),
        only_there=tuple(name for name in there if name not in theirs),
    )


def _keys(names: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name in names:
        for key in set(_ways(name)):
            found.setdefault(key, []).append(name)
    return found


def _ways(name: str) -> list[str]:
    """What a name may be found by, the surest first."""
    moment = find_moment(name)
    if moment is None:
        return [f"name {name}"]
    day = f"day {moment.time.date().isoformat()}"
    second = [f"second {moment.time.isoformat()}"] if moment.has_clock else []
    return [f"name {name}", *second, day]


def _is_one(key: str, *sides: dict[str, list[str]]) -> bool:
    return all(len(side.get(key, ())) == 1 for side in sides)
