"""Where to compute."""

import logging

import torch

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
