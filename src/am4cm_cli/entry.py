"""Where the command line begins: before anything slow is imported."""

import signal


def die_at_once() -> None:
    """Let Ctrl-C and a polite kill end the process, as long as nothing is written.

    An exception in the middle of an import would be shown as a bug, be lost, or turn into another
    one; see `commands.console.unwind` for what comes later.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


def main() -> None:
    """Run the command line."""
    die_at_once()
    from am4cm_cli.app import main as run

    run()
