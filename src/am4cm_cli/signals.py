"""What Ctrl-C and a polite kill do before there is anything to undo, and whom they reach."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


def die_at_once() -> None:
    """Let them end the process, as long as nothing is written.

    An exception in the middle of an import would be shown as a bug, be lost, or turn into another
    one; see `commands.console.unwind` for what comes later.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


@contextmanager
def withheld_interrupts() -> Iterator[None]:
    """Keep Ctrl-C from threads and processes that begin in this block, and from theirs.

    A terminal sends it to all of them, and only this one can end in order. Windows has no such
    mask; there they may say a word of their own when they are interrupted.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
