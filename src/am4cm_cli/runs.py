"""What decides a mask's pixels, so that a run that goes on can tell if something changed."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from hashlib import sha256
from typing import Any

from am4cm_cli import __version__
from am4cm_cli.layers import Layer
from am4cm_cli.skipping import unreadable_facts
from am4cm_cli.stacks.stack import Stack
from am4cm_cli.states import image_states
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
        **image_states(stack),
        **unreadable_facts(stack),
    }


def _kind(layer: Layer) -> str:
    return f"{layer.content} {layer.dtype} in {len(layer.names)} bands"


def _digest(stack: Stack, t: int) -> str:
    """Of what was understood of a scene."""
    scene = stack.scenes[t]
    tiles = [{band: asdict(tile[band]) for band in stack.bands} for tile in scene.tiles]
    area = scene.area and scene.area.digest
    told = [scene.time.isoformat(), tiles, scene.shrink, area, scene.unreadable]
    text = json.dumps(told, default=str, sort_keys=True)
    return sha256(text.encode()).hexdigest()
