"""Whether the weights that come with am4cm are the ones that were published."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from am4cm_cli.health.findings import Finding, State
from am4cm_cli.published import DEFAULT_NAME, PUBLISHED, published_weights

TOPIC = "weights"


def look_at_weights() -> Iterator[Finding]:
    """Compare each file's SHA-256 with the published one."""
    for name, expected in PUBLISHED.items():
        yield check_weights(name, published_weights(name), expected)


def check_weights(name: str, path: Path | None, expected: str) -> Finding:
    """Compare one file with what its bytes must be."""
    wrong = _wrong(path, expected)
    return Finding(
        topic=TOPIC,
        name=name,
        found=wrong or f"SHA-256 {expected[:16]}..., as published",
        state=State.BROKEN if wrong else State.GOOD,
        remedy="install am4cm again" if wrong else "",
        needed=name == DEFAULT_NAME or path is not None,
    )


def _wrong(path: Path | None, expected: str) -> str:
    if path is None:
        return "the file is missing"
    try:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        return f"{path}: {error.strerror}"
    if found == expected:
        return ""
    return f"{path}: SHA-256 {found[:16]}..., expected {expected[:16]}...; it was changed"
