"""The programs that are timed against one another, as command lines; a small module on purpose.

A child's peak memory is never below what its parent had when it started it, so whoever starts
these imports neither NumPy nor torch.
"""

import inspect
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.peers import speed as peers

from am4cm_cli.commands.mask import mask

PEERS = Path(peers.__file__).parent


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What all programs share."""

    build: Path
    """Where peers' environments are; what is made goes to its folder `speed`."""
    cores: int
    network_pixels: int = 2**17
    """Of each date; all cost the network the same."""

    @property
    def folder(self) -> Path:
        """Where everything goes."""
        return self.build / "speed"


def module(name: str, *words: object) -> list[str]:
    """A command line of a module of this bench."""
    return [sys.executable, "-m", f"bench.speed.{name}", *map(str, words)]


def mask_command(images: Path, out: Path, *options: object) -> list[str]:
    """A command line of `am4cm mask`."""
    return [sys.executable, "-m", "am4cm_cli", "mask", *map(str, (images, out)), "--overwrite"] + [
        str(option) for option in options
    ]


def known_options() -> set[str]:
    """What `am4cm mask` can be told, as parameters: `threads`, `dask` and so on."""
    return set(inspect.signature(mask).parameters)


def on_cores(command: Sequence[str], cores: int) -> list[str]:
    """Let a command see so many cores, the first ones, and no others; Linux alone."""
    bound = ["taskset", "-c", f"0-{cores - 1}"]
    return ["env", f"OMP_NUM_THREADS={cores}", *bound, *command]


def own_programs(setting: Setting, images: Path, answers: Path) -> dict[str, list[str]]:
    """Limits, am4cm and the network on a stack, by name; answers go to `answers`-NAME.json."""

    def answer(name: str) -> Path:
        return answers.with_name(f"{answers.name}-{name}.json")

    mask = setting.folder / "mask.tif"
    threads = "--threads", setting.cores
    return {
        "copy": module("copying", answer("copy"), *threads),
        "decode": module("decoding", images, answer("decode"), *threads),
        "mask": mask_command(images, mask, *threads),
        "stages": module("stages", images, mask, answer("stages"), *threads),
        "arrays": module("in_memory", images, answer("arrays"), *threads),
        "network": module("network", images, answer("network"), "--pixels", setting.network_pixels),
    }


def peer_programs(setting: Setting, answers: Path) -> dict[str, list[str]]:
    """Peers that are installed, by name, on the arrays they can take."""
    scripts = {
        "s2cloudless": ("s2cloudless", "s2cloudless_probability.py", "l1c.npz"),
        "ukis": ("ukis-csmask", "ukis_classes.py", "sen2cor.npz"),
    }
    return {
        name: [
            str(setting.build / environment / "bin/python"),
            str(PEERS / script),
            str(setting.folder / arrays),
            str(answers.with_name(f"{answers.name}-{name}.npz")),
        ]
        for name, (environment, script, arrays) in scripts.items()
        if (setting.build / environment / "bin/python").exists()
    }
