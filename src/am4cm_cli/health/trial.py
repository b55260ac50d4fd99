"""A tiny stack, simulated and masked: does the whole program do what it should?

The clouds of a simulated stack are known beforehand, from the simulation alone, so that the mask
can be judged by them.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from am4cm_cli.health.findings import Finding, State
from am4cm_cli.health.probes import probe

TOPIC, NAME = "self-test", "a simulated stack"
SIDE, DATES, SEED = 32, 16, 7
CLEAR, THICK = 0, 1
"""In the simulation's truth.tif."""
LEAST = 0.95
"""Share of thick cloud that must be masked, and of clear ground that must not be: on the CPU it is
1.000 and 0.980 of this stack, and rounding moves few pixels."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """How a mask agrees with clouds known beforehand."""

    masked: float
    """Share of the pixels of thick cloud that are masked."""
    kept: float
    """Share of the clear pixels that are not."""


def run_trial(folder: Path) -> Trial:
    """Simulate a stack in an empty folder, mask it on the CPU and compare."""
    import rasterio
    import torch

    from am4cm_cli.masking import mask_stack
    from am4cm_cli.orders import MaskConfig, MaskFiles
    from am4cm_cli.simulation import SimulationConfig, write_stack
    from am4cm_cli.stacks.discovery import find_stack
    from am4cm_cli.weights import load_weights
    from am4cm_cli.weights_header import default_weights

    site, out = folder / "site", folder / "mask.tif"
    write_stack(site, SimulationConfig(size=SIDE, dates=DATES, seed=SEED))
    mask_stack(
        find_stack(site),
        MaskFiles(probability=out),
        load_weights(default_weights()),
        MaskConfig(),
        device=torch.device("cpu"),
    )
    with rasterio.open(site / "truth.tif") as truth, rasterio.open(out) as mask:
        clouds, percent = truth.read(), mask.read()
    return Trial(
        masked=float((percent[clouds == THICK] >= 50).mean()),
        kept=float((percent[clouds == CLEAR] < 50).mean()),
    )


def main() -> None:
    """Print a trial as JSON."""
    with TemporaryDirectory(prefix="am4cm-doctor-") as folder:
        print(json.dumps(asdict(run_trial(Path(folder)))))  # noqa: T201 - for the process that asks


def look_at_trial() -> Iterator[Finding]:
    """Make a trial in a process of its own."""
    answer = probe("from am4cm_cli.health.trial import main; main()")
    yield _broken(answer.wrong) if answer.wrong else judge(Trial(**answer.facts))


def judge(trial: Trial) -> Finding:
    """Say how a trial went."""
    shares = f"{trial.masked:.1%} of thick cloud masked, {trial.kept:.1%} of clear ground kept"
    if min(trial.masked, trial.kept) >= LEAST:
        return Finding(topic=TOPIC, name=NAME, found=shares)
    return _broken(f"{shares}; expected {LEAST:.0%} or more")


def _broken(wrong: str) -> Finding:
    return Finding(
        topic=TOPIC,
        name=NAME,
        found=wrong,
        state=State.BROKEN,
        remedy="mend what is broken above, or install am4cm again",
    )
