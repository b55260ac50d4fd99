"""Everything on one stack in one run, taking turns.

    python -m bench.speed.turns build --side 2048 --dates 24 --turns 3

Each turn starts every program anew, one after the other, each on the same cores. A shared machine
is faster or slower from one minute to the next, so only figures of the same turns may be compared.
Writes build/speed/turns.json: the seconds and peak memory of every process, turn by turn, and where
each left what it timed itself.
"""

import os
import subprocess
from pathlib import Path
from typing import Annotated

import typer
from bench.peers.speed import run
from bench.speed.answers import write_answer
from bench.speed.programs import Setting, module, on_cores, own_programs, peer_programs


def make_stack(setting: Setting, *options: object) -> Path:
    """Make a stack in a process of its own."""
    command = module("stacks", setting.folder / "stacks", *options)
    return Path(subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip())


def make_inputs(
    setting: Setting, *, side: int, dates: int, simulated: int, peer_dates: int
) -> Path:
    """Make the stack, and of it the arrays of the peers; return the folder of images."""
    size = "--side", side, "--dates", dates, "--simulated-side", simulated
    images = make_stack(setting, *size)
    for chain in ("sen2cor", "l1c"):
        words = setting.folder / "stacks", setting.folder / f"{chain}.npz", *size
        chosen = "--chain", chain, "--few", peer_dates
        subprocess.run(module("peer_arrays", *words, *chosen), check=True)
    return images


def take_turns(setting: Setting, images: Path, turns: int) -> dict[str, list[dict[str, object]]]:
    """Run everything so many times; seconds, peak memory and answer of each, by name."""
    found: dict[str, list[dict[str, object]]] = {}
    for turn in range(turns):
        answers = setting.folder / f"turn-{turn}"
        programs = {**own_programs(setting, images, answers), **peer_programs(setting, answers)}
        for name, command in programs.items():
            process = run(on_cores(command, setting.cores))
            found.setdefault(name, []).append({**process, "answer": _answer(answers, name)})
    return found


def _answer(answers: Path, name: str) -> str | None:
    found = [answers.with_name(f"{answers.name}-{name}.{kind}") for kind in ("json", "npz")]
    return next((path.name for path in found if path.exists()), None)


def main(
    build: Annotated[Path, typer.Argument(help="Holds the peers' environments.")],
    side: Annotated[int, typer.Option(help="Of the stack, in pixels.")] = 2048,
    dates: Annotated[int, typer.Option(help="Of the stack.")] = 24,
    turns: Annotated[int, typer.Option(min=1)] = 3,
    peer_dates: Annotated[int, typer.Option(help="Dates that peers are given.")] = 1,
    cores: Annotated[int, typer.Option(min=1)] = os.cpu_count() or 1,
    simulated: Annotated[int, typer.Option(help="Side of what is simulated.")] = 512,
    network_pixels: Annotated[int, typer.Option(help="Of each date, for the network.")] = 2**17,
) -> None:
    """Measure, and write what was found."""
    setting = Setting(build=build, cores=cores, network_pixels=network_pixels)
    setting.folder.mkdir(parents=True, exist_ok=True)
    sizes = {"side": side, "dates": dates}
    images = make_inputs(setting, **sizes, simulated=simulated, peer_dates=peer_dates)
    # Once for nothing: from here on, files come from the system's cache.
    run(own_programs(setting, images, setting.folder / "turn-warm")["decode"])
    began = os.getloadavg()[0]
    found = take_turns(setting, images, turns)
    facts: dict[str, object] = {
        **sizes,
        "simulated": simulated,
        "cores": cores,
        "peer_dates": peer_dates,
    }
    facts["load_before"] = began
    write_answer(setting.folder / "turns.json", {"facts": facts, "programs": found})


if __name__ == "__main__":
    typer.run(main)
