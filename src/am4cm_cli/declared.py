"""JSON values rebuilt as what a dataclass declares, or refused."""

import json
from dataclasses import is_dataclass
from math import isfinite
from typing import Any, get_args, get_origin, get_type_hints

EXPECTED = {
    dict: "an object",
    float: "numbers",
    int: "a whole number",
    bool: "true or false",
    str: "text",
}


def rebuild(kind: Any, value: Any, name: str) -> Any:
    """Make a value of a declared type from JSON, down to the last number of it.

    Args:
        kind: a dataclass of the kinds here, tuple[kind, ...], dict, float, int, bool or str.
        value: as `json.loads` gives it.
        name: of the value, for the message.

    Raises:
        ValueError: a field is missing or unknown, or a value is of another type or not finite.
    """
    if isinstance(kind, type) and is_dataclass(kind):
        kinds = get_type_hints(kind)
        if not isinstance(value, dict) or set(value) != set(kinds):
            found = ", ".join(sorted(value)) if isinstance(value, dict) else _short(value)
            raise ValueError(f"{name} has {found}; expected {', '.join(sorted(kinds))}")
        return kind(**{k: rebuild(kinds[k], item, f"{name}.{k}") for k, item in value.items()})
    if get_origin(kind) is tuple and isinstance(value, list):
        return tuple(rebuild(get_args(kind)[0], item, name) for item in value)
    if type(value) is kind or (kind is float and type(value) is int):
        if kind is float and not isfinite(value):
            raise ValueError(f"{name} holds {value}; expected finite numbers")
        return kind(value)
    raise ValueError(f"{name} holds {_short(value)}; expected {EXPECTED.get(kind, 'a list')}")


def _short(value: Any) -> str:
    return json.dumps(value)[:40]
