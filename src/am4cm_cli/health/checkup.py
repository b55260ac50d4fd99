"""Everything looked at, one thing after the other."""

from collections.abc import Callable, Iterable
from itertools import chain
from pathlib import Path

from am4cm_cli.health.checksums import look_at_weights
from am4cm_cli.health.drivers import look_at_drivers
from am4cm_cli.health.findings import Finding, Health, gather
from am4cm_cli.health.machine import look_at_machine
from am4cm_cli.health.packages import look_at_extras, look_at_packages
from am4cm_cli.health.trial import look_at_trial
from am4cm_cli.progress import Track

Look = Callable[[], Iterable[Finding]]


def check_health(folder: Path, *, beside: Iterable[Finding] = (), track: Track = iter) -> Health:
    """Look at the machine, the packages, GDAL, the weights, and at a mask of a tiny stack.

    Args:
        folder: whose disk is meant.
        beside: what the caller found before, told first.
        track: follows the looks.
    """
    looks: list[Look] = [
        lambda: look_at_machine(folder),
        look_at_packages,
        look_at_drivers,
        look_at_weights,
        look_at_extras,
        look_at_trial,
    ]
    return gather([*beside, *chain.from_iterable(look() for look in track(looks))])
