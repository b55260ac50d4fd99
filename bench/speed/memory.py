"""Peak memory of `am4cm mask --max-memory` on a large stack, and on one twice as large.

    python -m bench.speed.memory build --side 4096 --dates 60 --limit 2GB

Stacks are mirrored images of a simulated one, a few of them under many dates, so that the disk
holds some 5 GB at most. One is twice as wide, another twice as long. The process may hold its limit
and 0.5 GB for the interpreter, torch and GDAL themselves; where it held more, the exit code is 1.
Writes build/speed/memory.json.
"""

import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer
from bench.peers.speed import run
from bench.speed.answers import write_answer
from bench.speed.programs import Setting, mask_command
from bench.speed.turns import make_stack

from am4cm_cli.commands.options import parse_bytes

ALLOWED = 5 * 10**8
"""Bytes beyond the limit."""
ROOM = 8 * 10**9
"""Bytes of disk that the stacks of 4096 x 4096 and 8192 x 4096 and their masks take at most."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A stack to mask under a limit."""

    name: str
    height: int
    width: int
    dates: int


@dataclass(frozen=True, kw_only=True)
class Held:
    """What a process held."""

    case: Case
    limit: int
    """Bytes it was allowed."""
    peak: int
    """Bytes it held at most."""
    seconds: float

    @property
    def is_kept(self) -> bool:
        """Whether it stayed under the limit and what is ALLOWED beyond it."""
        return self.peak <= self.limit + ALLOWED

    def line(self) -> str:
        """One line of what was found."""
        case, verdict = self.case, "kept" if self.is_kept else "BROKEN"
        return (
            f"{case.name}: {case.height} x {case.width} pixels, {case.dates} dates, "
            f"limit {self.limit / 1e9:.2f} GB, peak {self.peak / 1e9:.2f} GB, "
            f"{self.seconds:.0f} s: {verdict}"
        )


def cases(side: int, dates: int) -> list[Case]:
    """A stack, one of twice the pixels and one of twice the dates."""
    return [
        Case(name="large", height=side, width=side, dates=dates),
        Case(name="twice as high", height=2 * side, width=side, dates=dates),
        Case(name="twice as long", height=side, width=side, dates=2 * dates),
    ]


def hold(setting: Setting, case: Case, limit: str, few: int) -> Held:
    """Mask a stack once."""
    images = make_stack(
        setting,
        *("--side", case.width, "--height", case.height, "--dates", few),
        *("--linked", case.dates, "--days-apart", 6, "--simulated-side", 256),
    )
    out = setting.folder / "memory-mask.tif"
    process = run(mask_command(images, out, "--max-memory", limit))
    out.unlink()
    return Held(
        case=case,
        limit=parse_bytes(limit),
        peak=round(process["peak"]),
        seconds=process["seconds"],
    )


def main(
    build: Annotated[Path, typer.Argument(help="What is made goes to its folder speed.")],
    side: Annotated[int, typer.Option(help="Of the smaller stack, in pixels.")] = 4096,
    dates: Annotated[int, typer.Option(help="Of the smaller stack.")] = 60,
    limit: Annotated[str, typer.Option(help="Such as 2GB.")] = "2GB",
    few: Annotated[int, typer.Option(help="Dates that differ in more than their name.")] = 6,
) -> None:
    """Measure, write and print what was found."""
    setting = Setting(build=build, cores=1)
    setting.folder.mkdir(parents=True, exist_ok=True)
    needed = ROOM * side**2 * few // (4096**2 * 6)
    free = shutil.disk_usage(setting.folder).free
    if free < needed:
        raise SystemExit(f"{setting.folder}: {free / 1e9:.0f} GB free, {needed / 1e9:.0f} needed.")
    found = [hold(setting, case, limit, few) for case in cases(side, dates)]
    lines = [held.line() for held in found]
    facts = {"limit": limit, "lines": lines, "held": [asdict(held) for held in found]}
    write_answer(setting.folder / "memory.json", facts)
    print("\n".join(lines))
    if not all(held.is_kept for held in found):
        raise SystemExit(1)


if __name__ == "__main__":
    typer.run(main)
