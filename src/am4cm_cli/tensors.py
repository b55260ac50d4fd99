"""Tensors from safetensors files into the modules they belong to."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from am4cm_cli.weights_header import unreadable

ModuleT = TypeVar("ModuleT", bound=nn.Module)


def read_tensors(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    """Metadata and tensors of a safetensors file.

    Raises:
        WeightsError: the file is missing or is not safetensors.
    """
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return file.metadata() or {}, tensors
    except (OSError, SafetensorError) as error:
        raise unreadable(path, error) from error


def filled(make: Callable[[], ModuleT], tensors: Mapping[str, Tensor]) -> ModuleT:
    """Make a module and give it these tensors, in evaluation mode.

    Raises:
        ValueError: a tensor is missing, too many, of another shape, or not finite.
    """
    with torch.device("meta"):  # shapes alone: absurd sizes must not be allocated first
        expected = {name: tuple(t.shape) for name, t in make().state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    for name in sorted(expected.keys() | found.keys()):
        if found.get(name) != expected.get(name):
            raise ValueError(
                f"tensor {name} has shape {found.get(name)}; expected {expected.get(name)}"
            )
    module = make()
    module.load_state_dict(dict(tensors))
    for name, tensor in module.state_dict().items():
        if not tensor.isfinite().all() or (name.endswith("running_var") and tensor.min() < 0):
            raise ValueError(f"tensor {name} holds NaN, infinity or a negative variance")
    return module.eval()
