"""Where the command line begins: signals are seen to before anything slow is imported."""

import os

from am4cm_cli.signals import die_at_once


def main() -> None:
    """Run the command line."""
    die_at_once()
    # Read when torch is imported: what it cannot do on Apple's GPU, it does on the CPU.
    os.environ.setdefault("PYTORCH_ENABLE_MPS_FALLBACK", "1")
    from am4cm_cli.app import main as run

    run()
