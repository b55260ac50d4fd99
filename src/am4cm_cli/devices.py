"""Where to compute."""

import logging

import torch
from torch import Tensor

from am4cm_cli.errors import Am4cmError

LOG = logging.getLogger(__name__)


def pick_device(name: str) -> torch.device:
    """Turn `auto`, `cpu`, `cuda`, `cuda:1` or `mps` into a device that is there.

    Raises:
        Am4cmError: no such device on this machine.
    """
    there = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        found = next(kind for kind, available in there.items() if available)
        LOG.debug(f"computing on {found}, the first of what is here")
        return torch.device(found)
    kind, _, number = name.partition(":")
    count = torch.cuda.device_count() if kind == "cuda" else 1
    if not there.get(kind) or not (number or "0").isdecimal() or int(number or 0) >= count:
        kinds = ", ".join(kind for kind, available in there.items() if available)
        raise Am4cmError(f"--device {name}: not available here; found {kinds}. Use one of these.")
    LOG.debug(f"computing on {name}")
    return torch.device(name)


def portable(tensor: Tensor, device: torch.device) -> Tensor:
    """The tensor in a type that a device has.

    Apple's has no float64, and of unsigned integers only bytes; float32 is what all numbers are
    computed in anyway.
    """
    known = device.type != "mps" or tensor.dtype not in _NOT_ON_MPS
    return tensor if known else tensor.float()


def most_exact(device: torch.device) -> torch.dtype:
    """What sums are made in: float64, float32 where a device lacks it."""
    return torch.float32 if device.type == "mps" else torch.float64


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether a device's memory did not suffice; Apple's tells it in words alone."""
    return isinstance(error, torch.OutOfMemoryError) or "MPS backend out of memory" in str(error)


def give_back(device: torch.device) -> None:
    """Return to a device the memory that torch keeps for later."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()


_NOT_ON_MPS = {torch.float64, torch.uint16, torch.uint32, torch.uint64}
