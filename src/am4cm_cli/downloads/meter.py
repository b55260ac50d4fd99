"""How a caller follows work that is counted in bytes."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

Tell = Callable[[int], None]
"""Takes the bytes done so far."""
Meter = Callable[[str, int], AbstractContextManager[Tell]]
"""Takes what is done and how many bytes it is in all; gives a Tell for as long as it lasts."""


@contextmanager
def unseen(what: str, total: int) -> Iterator[Tell]:
    """Show nothing."""
    yield lambda done: None
