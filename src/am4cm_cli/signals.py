"""What Ctrl-C and a polite kill do before there is anything to undo."""

import signal


def die_at_once() -> None:
    """Let them end the process, as long as nothing is written.

    An exception in the middle of an import would be shown as a bug, be lost, or turn into another
    one; see `commands.console.unwind` for what comes later.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
