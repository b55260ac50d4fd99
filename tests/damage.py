"""Damage for files: bytes, words and members of JSON changed, as hypothesis strategies.

What a strategy draws is a function, from the sound content to the damaged one.
"""

import json
import re
from collections.abc import Callable
from functools import reduce
from typing import Any

from hypothesis import strategies as st

Damage = Callable[[bytes], bytes]

ODD_BYTES = (b"\0", b"\xff", b"\0\0\0\0", b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\x80")
ODD_WORDS = ("", "0", "-1", "1e400", "NaN", "9" * 30, "../../x", "\0", "é" * 9, "null", "%s%n")
ODD_VALUES = (
    *(None, True, 0, -1, 1.5, 2**31, -(2**63), 10**400, float("nan"), float("inf")),
    *("", "x", "../../x", "2018-02-30", "9" * 5000, [], {}, [None], [[]], {"a": {}}),
)
HEAD = 1024
"""Where most formats keep what they say of themselves."""

_WORD = re.compile(rb"[A-Za-z]+|\d+")


def bytes_damaged() -> st.SearchStrategy[Damage]:
    """One to three edits at any places, half of them within the head."""
    return st.lists(_edit(), min_size=1, max_size=3).map(
        lambda edits: lambda content: reduce(lambda found, edit: edit(found), edits, content)
    )


def words_damaged() -> st.SearchStrategy[Damage]:
    """A word or number of a text made another, or a line left out or doubled."""
    return st.one_of(
        st.builds(_replace_word, _place(), st.sampled_from(ODD_WORDS)),
        st.builds(_repeat_line, _place(), st.sampled_from((0, 2, 50))),
        bytes_damaged(),
    )


def json_damaged() -> st.SearchStrategy[Damage]:
    """A member of a JSON document made another, left out, or the text itself damaged."""
    return st.one_of(
        st.builds(_replace_member, _place(), st.sampled_from(ODD_VALUES)),
        st.builds(_replace_member, _place(), st.sampled_from(ODD_VALUES)),
        st.builds(_drop_member, _place()),
        words_damaged(),
    )


def _place() -> st.SearchStrategy[float]:
    return st.floats(0, 1, exclude_max=True)


def _edit() -> st.SearchStrategy[Damage]:
    odd = st.one_of(st.sampled_from(ODD_BYTES), st.binary(min_size=1, max_size=6))
    return st.one_of(
        st.builds(_overwrite, _place(), odd, st.just(HEAD)),
        st.builds(_overwrite, _place(), odd, st.none()),
        st.builds(_insert, _place(), odd),
        st.builds(_drop, _place(), st.integers(1, 64)),
        st.builds(_cut, _place()),
    )


def _overwrite(place: float, with_bytes: bytes, within: int | None) -> Damage:
    def damage(content: bytes) -> bytes:
        start = int(place * min(len(content), within or len(content)))
        return content[:start] + with_bytes + content[start + len(with_bytes) :]

    return damage


def _insert(place: float, more: bytes) -> Damage:
    def damage(content: bytes) -> bytes:
        start = int(place * len(content))
        return content[:start] + more + content[start:]

    return damage


def _drop(place: float, count: int) -> Damage:
    def damage(content: bytes) -> bytes:
        start = int(place * len(content))
        return content[:start] + content[start + count :]

    return damage


def _cut(place: float) -> Damage:
    return lambda content: content[: int(place * len(content))]


def _replace_word(place: float, word: str) -> Damage:
    def damage(content: bytes) -> bytes:
        words = list(_WORD.finditer(content))
        if not words:
            return word.encode()
        start, end = words[int(place * len(words))].span()
        return content[:start] + word.encode() + content[end:]

    return damage


def _repeat_line(place: float, times: int) -> Damage:
    def damage(content: bytes) -> bytes:
        lines = content.splitlines(keepends=True) or [b""]
        line = int(place * len(lines))
        return b"".join([*lines[:line], *lines[line : line + 1] * times, *lines[line + 1 :]])

    return damage


def _replace_member(place: float, value: Any) -> Damage:
    def damage(content: bytes) -> bytes:
        document = json.loads(content)
        members = list(_members(document))
        holder, key = members[int(place * len(members))]
        holder[key] = value
        return json.dumps(document).encode()

    return damage


def _drop_member(place: float) -> Damage:
    def damage(content: bytes) -> bytes:
        document = json.loads(content)
        members = list(_members(document))
        holder, key = members[int(place * len(members))]
        del holder[key]
        return json.dumps(document).encode()

    return damage


def _members(document: Any) -> Any:
    """Every (holder, key) of a document, holders first."""
    keys = document if isinstance(document, dict) else range(len(document))
    for key in list(keys):
        yield document, key
        if isinstance(document[key], dict | list):
            yield from _members(document[key])
