"""`am4cm calibrate`: weights whose probability is fitted to a reference."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from am4cm_cli.commands.console import progress, say, unwind
from am4cm_cli.commands.images import takes_images
from am4cm_cli.commands.options import (
    Device,
    Overwrite,
    ReferenceKind,
    ReferenceMap,
    Weights,
)
from am4cm_cli.commands.voice import console
from am4cm_cli.stacks.options import AS_THEY_ARE, StackOptions

if TYPE_CHECKING:
    from am4cm_cli.recalibration import Aim


class Target(StrEnum):
    """Which probability is fitted; the names but the last are those of `classes.TARGETS`."""

    CLOUD = "cloud"
    UNUSABLE = "unusable"
    BOTH = "both"


@takes_images
def calibrate(
    source: Annotated[
        str,
        typer.Argument(
            metavar="STACK", help="Folder, glob or text file of images.", show_default=False
        ),
    ],
    reference: Annotated[
        Path,
        typer.Argument(
            metavar="REFERENCE",
            help="What its pixels show: npz, dated raster, or folder of SCL, of THEIA's MAJA "
            "masks or of dated rasters.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path,
        typer.Argument(metavar="OUT", help="Weights to write (.safetensors).", show_default=False),
    ],
    f_beta: Annotated[
        float | None,
        typer.Option(
            metavar="B",
            help="Make 50 % the threshold of the highest F-beta; 1 weighs misses and false alarms "
            "alike, 2 misses more. In place of a fitted probability.",
            show_default=False,
        ),
    ] = None,
    omission: Annotated[
        float | None,
        typer.Option(
            metavar="RATE",
            min=0,
            max=1,
            help="Make 50 % the highest threshold that misses at most this share, such as 0.05. In "
            "place of a fitted probability.",
            show_default=False,
        ),
    ] = None,
    target: Annotated[
        Target | None,
        typer.Option(
            help="Probability of cloud, or of cloud or shadow (unusable). Default: both where the "
            "reference tells shadows, else cloud.",
            show_default=False,
        ),
    ] = None,
    kind: ReferenceKind = None,
    map: ReferenceMap = None,  # noqa: A002 - the option's name
    weights: Weights = None,
    images_as: StackOptions = AS_THEY_ARE,
    device: Device = "auto",
    overwrite: Overwrite = False,
) -> None:
    """Fit the probability to a reference, and write it into a copy of the weights.

    By default a slope and an intercept of the log odds are fitted by maximum
    likelihood, so that 50 % is an even chance on this reference. With --f-beta
    or --omission the probability is moved so that 50 % is the threshold asked
    for; it no longer is a chance then. `am4cm mask --weights OUT` applies it.

    The table shows the mask before and after on the reference's labels, which
    flatters, and on dates that were held out from the fit. A reference's errors
    are learned, too.
    """
    aim = _aim(f_beta, omission)
    if out.suffix != ".safetensors":
        raise typer.BadParameter(f"{out}: expected a name that ends in .safetensors")
    from am4cm_cli.calibrating import calibrate_weights
    from am4cm_cli.devices import pick_device
    from am4cm_cli.errors import OutputError
    from am4cm_cli.files import check_output
    from am4cm_cli.reports.recalibration import calibration_tables
    from am4cm_cli.stacks.discovery import find_stack
    from am4cm_cli.validation.classmaps import parse_map
    from am4cm_cli.validation.references import read_reference
    from am4cm_cli.weights import load_weights, save_weights
    from am4cm_cli.weights_header import default_weights

    unwind()
    check_output(out, overwrite=overwrite)
    base = weights or default_weights()
    if out.resolve() == base.resolve():
        raise OutputError(f"{out}: is the weights to start from; choose another name.")
    stack = find_stack(source, images_as)
    for note in stack.notes:
        say(note)
    found = calibrate_weights(
        stack,
        read_reference(
            reference,
            stack.grid,
            kind=kind.value if kind else None,
            mapping=parse_map(map) if map else None,
        ),
        load_weights(base),
        aim,
        targets=_targets(target),
        device=pick_device(device),
        track=progress("Comparing"),
    )
    save_weights(out, found.weights)
    for note in found.notes:
        say(note)
    console().print(calibration_tables(found))
    say(f"Wrote {out}: {base.stem} calibrated for {' and '.join(found.targets)}.")


def _aim(f_beta: float | None, omission: float | None) -> "Aim":
    if f_beta is not None and omission is not None:
        raise typer.BadParameter("has no use with --f-beta; choose one", param_hint="'--omission'")
    if f_beta is not None and not 0 < f_beta < float("inf"):
        raise typer.BadParameter(f"{f_beta}: expected a number above 0", param_hint="'--f-beta'")
    from am4cm_cli.recalibration import FBeta, Likelihood, Omission

    if f_beta is not None:
        return FBeta(beta=f_beta)
    return Likelihood() if omission is None else Omission(rate=omission)


def _targets(target: Target | None) -> tuple[str, ...]:
    from am4cm_cli.classes import TARGETS

    if target is None:
        return ()
    return tuple(TARGETS) if target is Target.BOTH else (target.value,)
