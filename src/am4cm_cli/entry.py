"""Where the command line begins: signals are seen to before anything slow is imported."""

from am4cm_cli.signals import die_at_once


def main() -> None:
    """Run the command line."""
    die_at_once()
    from am4cm_cli.app import main as run

    run()
