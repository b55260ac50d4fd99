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
from am4cm_cli.rasters.opening import files_behind
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
    tiles = [{band: asdict(tile[band]) for band in stack.bands} for tile in scene.tiles]
    told = [scene.time.isoformat(), tiles, scene.shrink, scene.area and scene.area.digest]
    text = json.dumps(told, default=str, sort_keys=True)
    return sha256(text.encode()).hexdigest()


def _paths(stack: Stack) -> list[Path]:
    return sorted({path for file in stack.files() for path in file.paths()})


def file_state(path: Path) -> str:
    """Size and time of change, of a file, its zip or a VRT's files; what is remote has none."""
    try:
        found = [file.stat() for file in files_behind(path)]
    except OSError as error:
        raise StackError(
            f"{error.filename}: has gone ({error.strerror}); fetch it again."
        ) from error
    return "; ".join(f"{one.st_size} bytes, changed at {one.st_mtime_ns}" for one in found)
