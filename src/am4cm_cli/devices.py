"""Where to compute."""

import torch

from am4cm_cli.errors import Am4cmError


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
        return torch.device(next(kind for kind, available in there.items() if available))
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise Am4cmError(f"--device {name}: {error}") from error
    count = torch.cuda.device_count() if device.type == "cuda" else 1
    if not there.get(device.type) or (device.index or 0) >= count:
        found = ", ".join(kind for kind, available in there.items() if available)
        raise Am4cmError(f"--device {name}: not available here; found {found}. Use one of these.")
    return device
