"""`am4cm mask`: the cloud probability of every date of a stack."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from am4cm_cli.commands.clear_sky import ClearSky
from am4cm_cli.commands.console import complain, progress, say, unwind
from am4cm_cli.commands.images import takes_images
from am4cm_cli.commands.inputs import read_files
from am4cm_cli.commands.options import (
    SPEED,
    Device,
    MaxMemory,
    Overwrite,
    Threads,
    Weights,
    cores,
    is_given,
    parse_bytes,
    refuse,
)
from am4cm_cli.commands.outputs import (
    OUTPUTS,
    PANEL,
    STDOUT,
    Binary,
    Creation,
    Dilate,
    Format,
    OutFormat,
    Split,
    Stac,
    Style,
    Table,
    Threshold,
    ZoneField,
    ZonesFile,
    check_raster_names,
    name_exports,
    name_out,
    output_raster,
    read_exports,
    read_storage,
    written_raster,
)
from am4cm_cli.stacks.options import AS_THEY_ARE, StackOptions

if TYPE_CHECKING:
    from am4cm_cli.cluster import Cluster
    from am4cm_cli.exports import Exports
    from am4cm_cli.masking import MaskSummary
    from am4cm_cli.orders import Basis, MaskConfig, MaskFiles, Resources
    from am4cm_cli.stacks.stack import Stack
    from am4cm_cli.storage import Storage


ALONE = ("classes", "reliability", "attention", "clear_sky", "update", *OUTPUTS, "zones")
"""Options that name one file, so have no use for many stacks."""


READ = ("weights", "calibration", "zones")
"""Options that name a file to read, beside those of images."""


class Method(StrEnum):
    """How clouds are scored; the names are those of `scores.METHODS`."""

    COUNTERFACTUAL = "counterfactual"
    DROP = "drop"
    BLUE = "blue"
    LOGIT = "logit"
    ATTENTION = "attention"


class Target(StrEnum):
    """What the probability is of; the names are those of `classes.TARGETS`."""

    CLOUD = "cloud"
    UNUSABLE = "unusable"


class Heads(StrEnum):
    """Whose attention is written."""

    MEAN = "mean"
    EACH = "each"


class Dtype(StrEnum):
    """How probabilities are stored."""

    UINT8 = "uint8"
    FLOAT32 = "float32"


@takes_images
def mask(
    context: typer.Context,
    source: Annotated[
        str,
        typer.Argument(
            metavar="INPUT",
            help="Folder, glob, list, product, zip or URL of images; with --each, a list of these.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path,
        typer.Argument(
            metavar="OUT",
            help="GeoTIFF to write; - for standard output; with --each, a folder.",
            show_default=False,
        ),
    ],
    target: Annotated[
        Target, typer.Option(help="Probability of cloud, or of cloud or shadow (unusable).")
    ] = Target.CLOUD,
    classes: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write classes, too: 0 clear, 1 thick, 2 thin cloud, 3 shadow, 255 nodata; "
            "with a style for QGIS beside it, of the first date.",
            rich_help_panel=PANEL,
        ),
    ] = None,
    reliability: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write how many clear observations of other days each answer rests on, too.",
            rich_help_panel=PANEL,
        ),
    ] = None,
    attention: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write the model's own attention, too; it sums to 1 over dates.",
            rich_help_panel=PANEL,
        ),
    ] = None,
    heads: Annotated[
        Heads,
        typer.Option(
            help="Of --attention: their mean, or a band for each.",
            rich_help_panel=PANEL,
        ),
    ] = Heads.MEAN,
    clear_sky: ClearSky = None,
    weights: Weights = None,
    images_as: StackOptions = AS_THEY_ARE,
    method: Annotated[
        Method,
        typer.Option(
            help="counterfactual is the mask; for comparison: drop of attention alone, blue band "
            "alone without a network, logit or attention itself.",
        ),
    ] = Method.COUNTERFACTUAL,
    dtype: Annotated[
        Dtype,
        typer.Option(
            help="uint8: percent, 255 nodata. float32: 0 to 1, NaN nodata.",
            rich_help_panel=PANEL,
        ),
    ] = Dtype.UINT8,
    form: OutFormat = Format.COG,
    co: Creation = None,
    split: Split = None,
    binary: Binary = None,
    threshold: Threshold = 50,
    dilate: Dilate = 0,
    table: Table = None,
    zones: ZonesFile = None,
    zone_field: ZoneField = None,
    stac: Stac = None,
    style: Style = False,
    update: Annotated[
        Path | None,
        typer.Option(
            metavar="OLD",
            help="Bring an earlier mask of this stack up to date: compute only dates near new, "
            "changed or missing scenes, take all others and the calibration from it.",
            exists=True,
            dir_okay=False,
            show_default=False,
        ),
    ] = None,
    calibration: Annotated[
        Path | None,
        typer.Option(
            metavar="OLD",
            help="Take the calibration of an earlier mask instead of fitting one to this stack.",
            exists=True,
            dir_okay=False,
            show_default=False,
        ),
    ] = None,
    device: Device = "auto",
    tile: Annotated[
        int | None,
        typer.Option(
            metavar="PIXELS",
            min=16,
            help="Side in pixels of the windows read. Default: by blocks and memory.",
            rich_help_panel=SPEED,
        ),
    ] = None,
    max_memory: MaxMemory = "2GB",
    threads: Threads = None,
    dask: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Compute windows on a dask cluster: local:N for N processes here, "
            "tcp://host:8786, or a scheduler file. Each has one thread and --max-memory.",
            show_default=False,
            rich_help_panel=SPEED,
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            help="Go on where an earlier run stopped; else leave nothing to go on from.",
        ),
    ] = True,
    skip_bad: Annotated[
        bool,
        typer.Option(
            "--skip-bad",
            help="Go on without images that cannot be read: a date that fails midway is nodata, "
            "one that cannot be opened is left out; each is named.",
            rich_help_panel="Images",
        ),
    ] = False,
    each: Annotated[
        bool,
        typer.Option(
            "--each",
            help="INPUT is a list with a line 'name,images' for each stack, OUT a folder for "
            "their masks; those that are there already are passed over.",
        ),
    ] = False,
    overwrite: Overwrite = False,
) -> None:
    """Write the cloud probability of every date of a stack, one band per date."""
    if each:
        refuse(context, ALONE, "with --each")
        # Those that are set for good are passed over: every stack would write to the same place.
        context.params.update(dict.fromkeys(ALONE))
        _mask_each(context, Path(source), out, overwrite=overwrite)
        return
    from am4cm_cli.exporting.cubes import check_cube_grid
    from am4cm_cli.files import check_output
    from am4cm_cli.orders import MaskConfig, Resources
    from am4cm_cli.rasters.creation import check_storage
    from am4cm_cli.skipping import advising
    from am4cm_cli.stacks.discovery import find_stack
    from am4cm_cli.weights_header import default_weights

    basis, exports = _basis(context, update, calibration), read_exports(context, out)
    files, storage = _files(context), read_storage(context)
    check_storage(storage, files.dtypes(dtype.value) | exports.dtypes)
    for beside in [*files.rasters[1:], *files.styles]:
        check_output(beside, overwrite=overwrite)
    if out == STDOUT:
        # What goes there waits in a temporary folder, which a signal must not leave behind.
        import_module("am4cm_cli.masking")
        unwind()
    with output_raster(out, form, overwrite=overwrite) as path:
        with advising():
            stack = find_stack(source, replace(images_as, skip_bad=skip_bad))
        for note in stack.notes:
            say(note)
        files = replace(files, probability=path)
        inputs = _inputs(context, stack, source, out)
        _check_exports(exports, stack, files, out, inputs, overwrite=overwrite)
        if form is Format.ZARR:
            check_cube_grid(out, stack.grid)
        summary = _compute(
            stack,
            files,
            MaskConfig(method=method.value, target=target.value, dtype=dtype.value),
            Resources(max_memory=parse_bytes(max_memory), threads=threads or cores(), tile=tile),
            weights=weights or default_weights(),
            storage=storage,
            basis=basis,
            cluster=_cluster(context, dask, threads=threads, device=device),
            device=device if dask is None else "cpu",
            resume=resume and out != STDOUT,
            skip_bad=skip_bad,
        )
        _export(exports, files, storage, out)
    _tell(summary, exports, target, out)


def _compute(
    stack: "Stack",
    files: "MaskFiles",
    config: "MaskConfig",
    resources: "Resources",
    *,
    weights: Path,
    storage: "Storage",
    basis: "Basis | None",
    cluster: "AbstractContextManager[Cluster] | None",
    device: str,
    resume: bool,
    skip_bad: bool,
) -> "MaskSummary":
    """Begin to read, import what takes its time meanwhile, and write the mask."""
    from am4cm_cli.head_start import head_start
    from am4cm_cli.parts import is_begun

    goes_on = resume and is_begun(files.probability)
    alone = basis is None and cluster is None and not goes_on
    ahead = head_start(stack, weights, files, config, resources) if alone else nullcontext()
    with ahead as early:
        # These import torch, which takes a second or two.
        from am4cm_cli.devices import pick_device
        from am4cm_cli.masking import mask_stack
        from am4cm_cli.weights import load_weights

        unwind()
        with cluster or nullcontext() as workers:
            return mask_stack(
                stack,
                files,
                load_weights(weights),
                config,
                resources,
                device=pick_device(device),
                basis=basis,
                cluster=workers,
                early=early,
                storage=storage,
                resume=resume,
                skip_bad=skip_bad,
                tell=say,
                track=progress("Masking"),
                track_writing=progress("Writing"),
            )


def _inputs(context: typer.Context, stack: "Stack", source: str, out: Path) -> list[Path]:
    """Files that are read, which no output may take the place of; OUT may that of its --update."""
    inputs = read_files(context, READ, source, stack)
    old = context.params["update"]
    updates_itself = old is None or old.resolve() == out.resolve()
    return inputs if updates_itself else [*inputs, old]


def _check_exports(
    exports: "Exports",
    stack: "Stack",
    files: "MaskFiles",
    out: Path,
    inputs: Sequence[Path],
    *,
    overwrite: bool,
) -> None:
    from am4cm_cli.exporting.checks import check_exports

    whole = [] if out == STDOUT else [out]
    check_exports(
        exports,
        stack.grid,
        others=[*whole, *files.rasters[1:], *files.styles],
        folders=files.folders,
        inputs=inputs,
        overwrite=overwrite,
    )


def _export(exports: "Exports", files: "MaskFiles", storage: "Storage", out: Path) -> None:
    """Write what is asked for of the mask that was just made."""
    from am4cm_cli.errors import Am4cmError, OutputError
    from am4cm_cli.exporting.verbs import export_mask

    beside = [] if files.classes is None else [files.classes]
    try:
        export_mask(
            files.probability,
            exports,
            storage,
            beside=beside,
            name="am4cm" if out == STDOUT else out.stem,
            track=progress("Exporting"),
        )
    except Am4cmError as error:
        if files.probability != out:
            raise
        raise OutputError(
            f"{error} {out} itself is whole; am4cm export goes on from it."
        ) from error


def _files(context: typer.Context) -> "MaskFiles":
    """What is asked for beside OUT, which is yet to come."""
    from am4cm_cli.orders import MaskFiles

    names = ("classes", "reliability", "attention", "clear_sky")
    classes, reliability, attention, clear_sky = map(context.params.__getitem__, names)
    heads = context.params["heads"]
    if attention is None and heads is not Heads.MEAN and is_given(context, "heads"):
        raise typer.BadParameter("has no use without --attention", param_hint="'--heads'")
    if any(str(beside) == "-" for beside in (classes, reliability, attention, clear_sky)):
        raise typer.BadParameter("only OUT may be standard output")
    check_raster_names(context, "classes", "reliability", "attention")
    return MaskFiles(
        probability=Path(),
        classes=classes,
        reliability=reliability,
        attention=attention if heads is Heads.MEAN else None,
        attention_heads=attention if heads is Heads.EACH else None,
        clear_sky=clear_sky,
    )


def _tell(summary: "MaskSummary", exports: "Exports", target: Target, out: Path) -> None:
    """Say what was written, and what a user should know of it."""
    for note in summary.notes:
        say(note)
    share = summary.flagged / max(summary.answered, 1)
    what = "cloudy" if target is Target.CLOUD else "cloudy or shadowed"
    dates = f"{summary.dates} dates"
    say(f"Wrote {name_out(out)}: {dates}, {share:.0%} of what was observed is {what}.")
    if name_exports(exports):
        say(f"Beside it: {', '.join(name_exports(exports))}.")


def _mask_each(context: typer.Context, listed: Path, out: Path, *, overwrite: bool) -> None:
    """Mask one stack of a list after the other; one that fails stops none of the others."""
    from am4cm_cli.errors import Am4cmError, OutputError
    from am4cm_cli.parts import forget_parts, parts_folder
    from am4cm_cli.stacks.lists import read_list

    stacks, failed = read_list(listed), []
    suffix = ".zarr" if context.params["form"] is Format.ZARR else ".tif"
    if not out.is_dir():
        raise OutputError(f"{out}: is no folder; create it first, to hold {len(stacks)} masks.")
    for stack in stacks:
        path = out / f"{stack.name}{suffix}"
        if path.exists() and not overwrite:
            say(f"{path}: is there already.")
            raster = written_raster(path, context.params["form"])
            forget_parts(parts_folder(raster))  # of a run that was stopped at its very end
            continue
        say(f"{stack.name}:")
        try:
            mask(
                **{**context.params, "source": stack.source, "out": path, "each": False},
                context=context,
            )
        except Am4cmError as error:
            complain(f"{stack.name}: {error}")
            failed.append(stack.name)
    if failed:
        raise Am4cmError(
            f"{listed}: {len(failed)} of {len(stacks)} stacks have no mask: {', '.join(failed)}. "
            "Mend them and give the same command again; it does these alone."
        )


def _cluster(
    context: typer.Context, dask: str | None, *, threads: int | None, device: str
) -> "AbstractContextManager[Cluster] | None":
    """Open the cluster that was asked for, if any.

    Without --threads its workers take one each. This process takes all cores as ever, so that its
    windows are the same as without a cluster, and either goes on where the other stopped.
    """
    from am4cm_cli.schedulers import open_cluster

    if dask is None:
        return None
    if device not in {"auto", "cpu"} and is_given(context, "device"):
        raise typer.BadParameter("has no use with --dask", param_hint="'--device'")
    return open_cluster(dask, threads=threads or 1, tell=say)


def _basis(context: typer.Context, update: Path | None, calibration: Path | None) -> "Basis | None":
    """The earlier mask that is named, if any, and what for."""
    from am4cm_cli.orders import Basis

    if update is not None and is_given(context, "calibration"):
        raise typer.BadParameter("has no use with --update", param_hint="'--calibration'")
    earlier = update or calibration
    return None if earlier is None else Basis(path=earlier, update=update is not None)
