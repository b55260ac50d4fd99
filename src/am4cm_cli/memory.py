"""How much memory is free, and what is freed but not yet given back."""

import ctypes
import os
import sys
from pathlib import Path

import torch

UNKNOWN = 2 * 2**30
"""Bytes taken to be free where nobody tells, as on Windows; --max-memory may say otherwise."""


def free_bytes(device: torch.device) -> int:
    """Bytes that can still be taken: of a GPU its own, else of the machine or its container."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return int(free)
    return min([_free_of_machine(), *_free_of_container()])


def give_back() -> None:
    """Return to the system what was freed: glibc keeps it, 0.6 GB after a sample of 120 dates."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # other C libraries have none
        if trim is not None:
            trim(0)


def _free_of_machine(path: Path = Path("/proc/meminfo")) -> int:
    if path.is_file():  # Linux; elsewhere nobody says what is available, so take half of all
        for line in path.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    if not hasattr(os, "sysconf"):
        return UNKNOWN
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2


def _free_of_container(folder: Path = Path("/sys/fs/cgroup")) -> list[int]:
    """What a container's limit leaves, if there is one (control groups, version 2)."""
    limit, used = folder / "memory.max", folder / "memory.current"
    if not limit.is_file() or not used.is_file():
        return []
    text = limit.read_text().strip()
    return [] if text == "max" else [max(0, int(text) - int(used.read_text()))]
