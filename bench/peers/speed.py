"""How fast am4cm and its peers are and how much memory they take, taking turns.

    python bench/peers/speed.py build

On `large` of arrays.py. Each turn starts every program anew, one after the other, each on all
cores; a virtual machine is faster or slower from one minute to the next, so only figures of the
same turns may be compared. Peers and bench/speed/in_memory.py write the seconds that they
computed; here come, in build/peers/speed.json, the seconds of the whole process and its peak
memory.

This must stay a small program: a child's peak is never below what its parent had when it started.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
TURNS = 3
L1C = "B01,B02,B03,B04,B05,B06,B07,B08,B8A,B09,B10,B11,B12"


def programs(build: Path, turn: int) -> dict[str, list[str]]:
    """Commands by name."""
    peers = build / "peers"
    answers = {name: str(peers / f"large-{name}-{turn}.npz") for name in ("s2cloudless", "ukis")}
    mask = ["mask", str(peers / "large"), str(peers / "large-mask.tif"), "--overwrite"]
    return {
        "s2cloudless": [
            str(build / "s2cloudless/bin/python"),
            str(HERE / "s2cloudless_probability.py"),
            str(peers / "large.npz"),
            answers["s2cloudless"],
        ],
        "ukis": [
            str(build / "ukis-csmask/bin/python"),
            str(HERE / "ukis_classes.py"),
            str(peers / "large.npz"),
            answers["ukis"],
        ],
        "am4cm": [sys.executable, "-m", "am4cm_cli", *mask, "--bands", L1C],
        "am4cm-arrays": [
            sys.executable,
            *("-m", "bench.speed.in_memory", "--bands", L1C),
            str(peers / "large"),
            str(peers / f"large-am4cm-{turn}.json"),
        ],
    }


def run(command: list[str]) -> dict[str, float]:
    """Run to the end: wall seconds, and peak resident memory in bytes."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stderr=subprocess.PIPE)
    assert process.stderr is not None
    messages = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if status:
        raise SystemExit(f"{' '.join(command)}\n{messages.decode()}")
    return {"seconds": time.perf_counter() - start, "peak": usage.ru_maxrss * 1024}


def main(build: Path) -> None:
    """Measure, and write a list of turns by program."""
    found: dict[str, list[dict[str, float]]] = {}
    for turn in range(TURNS):
        for name, command in programs(build, turn).items():
            found.setdefault(name, []).append(run(command))
    (build / "peers" / "speed.json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
