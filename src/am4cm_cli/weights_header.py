"""What a weights file says of itself, read without torch."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from am4cm_cli.errors import WeightsError, first_line
from am4cm_cli.published import installed_folder, name_by_sha256, published_weights

KEY = "am4cm"


def default_weights(sha256: str | None = None) -> Path:
    """Where the weights that come with am4cm are: those of a SHA-256, or else the default."""
    name = name_by_sha256(sha256)
    path = published_weights(name)
    if path is None:
        raise WeightsError(
            f"{installed_folder()}: the weights {name}.safetensors of am4cm are missing. "
            "Install am4cm again, or name a file with --weights."
        )
    return path


def read_header(path: Path) -> dict[str, Any]:
    """Read the header of a weights file, as `save_weights` wrote it; nothing in it is checked.

    Raises:
        WeightsError: the file is missing, is not safetensors, or is not am4cm's.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            return parse_header(path, file.metadata() or {})
    except (OSError, SafetensorError) as error:
        raise unreadable(path, error) from error


def parse_header(path: Path, metadata: Mapping[str, str]) -> dict[str, Any]:
    """Find the header in the metadata of a safetensors file.

    Raises:
        WeightsError: there is none.
    """
    try:
        return dict(json.loads(metadata[KEY]))
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise WeightsError(
            f"{path}: safetensors without am4cm's header. Expected a file written by am4cm train."
        ) from error


def unreadable(path: Path, error: Exception) -> WeightsError:
    """Say that a file is not safetensors."""
    return WeightsError(
        f"{path}: not a readable weights file ({first_line(error)}). Expected a whole "
        ".safetensors file; fetch or write it again."
    )
