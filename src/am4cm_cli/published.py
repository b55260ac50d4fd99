"""The weights that come with am4cm: where they are, and what their bytes must be."""

from pathlib import Path

PUBLISHED = {
    "sim-10band-2": "27cee51383b521e98ad5443a626b2fdce0107e986e36799e21fae347643c67c2",
    "sim-10band": "f486328543ee95ff5dfdc929557f3340abb4a7f0395a177292e53676d07e34ec",
}
"""SHA-256 of each file by its name, the default first."""
DEFAULT_NAME = next(iter(PUBLISHED))


def published_weights(name: str) -> Path | None:
    """Where weights of this name are, in the wheel or in a source checkout; None if missing."""
    folders = installed_folder(), Path(__file__).parents[2] / "weights"
    paths = (folder / f"{name}.safetensors" for folder in folders)
    return next((path for path in paths if path.is_file()), None)


def name_by_sha256(sha256: str | None) -> str:
    """Those of this SHA-256; the default where none has it."""
    return next((name for name, own in PUBLISHED.items() if own == sha256), DEFAULT_NAME)


def installed_folder() -> Path:
    """Where the wheel keeps them."""
    return Path(__file__).parent / "_weights"
