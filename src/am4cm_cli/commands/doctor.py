"""Stub."""


def doctor() -> None:
    """Look."""
