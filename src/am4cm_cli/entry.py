"""Where the command line begins: signals are seen to before anything slow is imported."""

import gc
import os

from am4cm_cli.signals import die_at_once

NEW_OBJECTS = 100_000
"""Before garbage is looked for; by default 700, and importing torch would look 380 times."""


def main() -> None:
    """Run the command line."""
    die_at_once()
    gc.set_threshold(NEW_OBJECTS)
    # Read when torch is imported: what it cannot do on Apple's GPU, it does on the CPU.
    os.environ.setdefault("PYTORCH_ENABLE_MPS_FALLBACK", "1")
    try:
        from am4cm_cli.app import main as run

        run()
    finally:
        # All that torch and others have made goes with the process; taking it apart one by one
        # takes the interpreter up to half a second.
        gc.freeze()
