"""What the machine offers: Python, cores, memory, disk, and devices to compute on."""

import os
import platform
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from am4cm_cli import __version__
from am4cm_cli.health.findings import Finding, State
from am4cm_cli.health.probes import probe

TOPIC = "machine"
GB = 1e9
LEAST_MEMORY, LEAST_DISK = 1.0 * GB, 1.0 * GB
"""Free, for a small mask: the program's own 0.4 GB and windows of a few dates."""

DEVICES = """
import json, torch
from am4cm_cli.memory import free_bytes
cuda = [torch.cuda.get_device_name(n) for n in range(torch.cuda.device_count())]
print(json.dumps({
    "threads": torch.get_num_threads(),
    "cuda": cuda,
    "mps": torch.backends.mps.is_available(),
    "free": free_bytes(torch.device("cpu")),
}))
"""


def look_at_machine(folder: Path) -> Iterator[Finding]:
    """Find what is here; a folder tells which disk is meant."""
    yield Finding(topic=TOPIC, name="am4cm", found=__version__)
    python = f"{platform.python_version()}, {sys.executable}"
    yield Finding(topic=TOPIC, name="Python", found=python)
    yield Finding(topic=TOPIC, name="system", found=platform.platform())
    yield _disk(folder)
    answer = probe(DEVICES)
    if answer.wrong:
        yield Finding(
            topic=TOPIC, name="devices", found=answer.wrong, state=State.BROKEN, remedy="see torch"
        )
        return
    facts = answer.facts
    yield _room("free memory", facts["free"], LEAST_MEMORY, "close other programs")
    cores = f"{facts['threads']} threads of {os.cpu_count()} cores"
    yield Finding(topic=TOPIC, name="cpu", found=cores)
    yield _device("cuda", ", ".join(facts["cuda"]), "an NVIDIA GPU, with torch's build for CUDA")
    yield _device("mps", "Apple's GPU" if facts["mps"] else "", "a Mac with Apple silicon")


def _disk(folder: Path) -> Finding:
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return Finding(
            topic=TOPIC,
            name="free disk",
            found=f"{folder}: {error.strerror}",
            state=State.BROKEN,
            remedy="work in a folder that can be read",
        )
    return _room("free disk", free, LEAST_DISK, "free some space, or work elsewhere")


def _room(name: str, free: float, least: float, remedy: str) -> Finding:
    short = free < least
    return Finding(
        topic=TOPIC,
        name=name,
        found=f"{free / GB:.1f} GB" + (f"; expected {least / GB:.0f} GB or more" if short else ""),
        state=State.BROKEN if short else State.GOOD,
        remedy=remedy if short else "",
    )


def _device(name: str, found: str, needs: str) -> Finding:
    return Finding(
        topic=TOPIC,
        name=name,
        found=found or "none",
        state=State.GOOD if found else State.MISSING,
        remedy="" if found else f"needs {needs}",
        needed=False,
    )
