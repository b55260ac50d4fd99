"""How a verb lets its caller follow how far it got."""

from collections.abc import Callable, Iterable
from typing import Any

Track = Callable[[Iterable[Any]], Iterable[Any]]
"""Passes on what it is given, and may show how far it got; `iter` shows nothing."""
