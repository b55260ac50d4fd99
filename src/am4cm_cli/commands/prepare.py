"""`am4cm prepare`: labelled stacks to pixel series that training reads fast."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from am4cm_cli.commands.console import progress, say, unwind
from am4cm_cli.commands.options import Bands, Dates, Offset, Overwrite, Scale, split_names

if TYPE_CHECKING:
    from am4cm_cli.datasets.pixels import PreparedIndex


class Grouping(StrEnum):
    """What stays whole when pixels are split into folds."""

    FIELD = "field"
    BLOCK = "block"


def prepare(
    sources: Annotated[
        list[Path],
        typer.Argument(metavar="SOURCE...", help="Folders of labelled images.", show_default=False),
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder to make.", show_default=False)],
    labels: Annotated[
        Path, typer.Option(help="Raster of class codes, by itself or inside each SOURCE.")
    ] = Path("labels.tif"),
    unlabelled: Annotated[
        str | None,
        typer.Option(help="Codes that are no class. Default: 0 and nodata.", show_default=False),
    ] = None,
    group_by: Annotated[
        Grouping, typer.Option(help="Keep fields (connected labels) or square blocks together.")
    ] = Grouping.FIELD,
    fields: Annotated[
        Path | None,
        typer.Option(
            help="Raster of field numbers. Where it holds 0 or nodata, connected labels are fields."
        ),
    ] = None,
    block: Annotated[int, typer.Option(min=1, help="Side of a block in pixels.")] = 32,
    per_group: Annotated[
        int | None, typer.Option(min=1, help="At most this many pixels of a field or block.")
    ] = None,
    folds: Annotated[int, typer.Option(min=2, help="Parts that training can hold out.")] = 5,
    seed: Annotated[int, typer.Option(min=0, help="Of the split and the choice of pixels.")] = 0,
    bands: Bands = None,
    scale: Scale = None,
    offset: Offset = None,
    dates: Dates = None,
    overwrite: Overwrite = False,
) -> None:
    """Turn labelled stacks into compact pixel series, split into folds by field or block."""
    from am4cm_cli.datasets.pixels import MEMBERS
    from am4cm_cli.datasets.stacks import PrepareConfig, label_stack, prepare_stacks
    from am4cm_cli.folders import new_folder
    from am4cm_cli.stacks.discovery import find_stack

    config = PrepareConfig(
        folds=folds, per_group=per_group, grouping=group_by.value, block=block, seed=seed
    )
    if fields and group_by is Grouping.BLOCK:
        raise typer.BadParameter("has no use with --group-by block", param_hint="'--fields'")
    codes = split_codes(unlabelled)
    unwind()
    with new_folder(out, members=MEMBERS, overwrite=overwrite) as folder:
        labelled = [
            label_stack(
                find_stack(
                    source, band_names=split_names(bands), scale=scale, offset=offset, dates=dates
                ),
                inside(source, labels),
                fields=inside(source, fields) if fields else None,
                unlabelled=codes,
                config=config,
            )
            for source in sources
        ]
        index = prepare_stacks(labelled, folder, config, track=progress("Preparing"))
    for note in (note for source in labelled for note in source.stack.notes):
        say(note)
    left_out = f", {index.unobserved} pixels that no date shows left out" * bool(index.unobserved)
    say(
        f"Wrote {out}: {sum(index.series)} series of {len(index.classes)} classes in {folds} folds "
        f"({', '.join(map(str, index.series))}){left_out}."
    )
    if 0 in index.series:
        say(few_groups(index))


def few_groups(index: "PreparedIndex") -> str:
    """Say that there were too few groups to fill all folds."""
    empty = [str(fold) for fold, n in zip(index.folds, index.series, strict=True) if not n]
    return (
        f"No series in fold {', '.join(empty)}: there are fewer {index.grouping}s than folds. "
        "Use fewer --folds, or --group-by block with a small --block."
    )


def inside(source: Path, path: Path) -> Path:
    """Find a file that belongs to a source: in its folder, or else by itself."""
    return source / path if (source / path).exists() else path


def split_codes(text: str | None) -> list[int] | None:
    """Split a comma-separated list of class codes; None stays None."""
    try:
        return None if text is None else [int(code) for code in text.split(",")]
    except ValueError as error:
        raise typer.BadParameter(f"{text}: expected whole numbers such as 0,99") from error
