"""What decides a mask's pixels, so that a run that goes on can tell if something changed."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

from am4cm_cli import __version__
from am4cm_cli.errors import StackError
from am4cm_cli.layers import Layer
from am4cm_cli.stacks.locations import is_virtual, stats
from am4cm_cli.stacks.stack import Stack
from am4cm_cli.weights import Weights


def run_facts(
    stack: Stack,
    weights: Weights,
    layers: Sequence[Layer],
    *,
    options: Mapping[str, Any],
    window: tuple[int, int],
) -> dict[str, str]:
    """Facts by what a user would call them; two runs with the same facts make the same bytes."""
    return {
        "am4cm's version": __version__,
        "the weights": weights.sha256,
        **{f"--{name}": str(value) for name, value in options.items()},
        "the rasters to write": ", ".join(_kind(layer) for layer in layers),
        "the size of windows": f"{window[0]} x {window[1]}",
        "the grid": f"{stack.grid.shape} {tuple(stack.grid.transform)} {stack.grid.crs.to_wkt()}",
        **{f"the scene {scene.name}": _digest(stack, t) for t, scene in enumerate(stack.scenes)},
        **{str(path): file_state(path) for path in _paths(stack)},
    }


def _kind(layer: Layer) -> str:
    return f"{layer.content} {layer.dtype} in {len(layer.names)} bands"


def _digest(stack: Stack, t: int) -> str:
    """Of what was understood of a scene."""
    scene = stack.scenes[t]
    bands = {band: asdict(scene.bands[band]) for band in stack.bands}
    text = json.dumps([scene.time.isoformat(), bands], default=str, sort_keys=True)
    return sha256(text.encode()).hexdigest()


def _paths(stack: Stack) -> list[Path]:
    return sorted({file.path for scene in stack.scenes for file in scene.bands.values()})


def file_state(path: Path) -> str:
    """Size and time of change, of a folder all its files'; GDAL's virtual files have neither."""
    if is_virtual(path):
        return ""
    try:
        found = stats(path)
    except OSError as error:
        raise StackError(f"{path}: has gone ({error.strerror}); fetch it again.") from error
    size, changed = (
        sum(own.st_size for own in found),
        max((own.st_mtime_ns for own in found), default=0),
    )
    return f"{size} bytes, changed at {changed}"
