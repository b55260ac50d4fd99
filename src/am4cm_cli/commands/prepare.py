"""`am4cm prepare`: labelled stacks, or PASTIS, to pixel series that training reads fast."""

from collections.abc import Callable, Sequence
from enum import StrEnum
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from am4cm_cli.commands.console import progress, say, unwind
from am4cm_cli.commands.images import IMAGE_OPTIONS, takes_images
from am4cm_cli.commands.options import (
    SPEED,
    Overwrite,
    checked_by,
    cores,
    is_set,
    refuse,
    split_names,
)
from am4cm_cli.stacks.options import AS_THEY_ARE, StackOptions

if TYPE_CHECKING:
    from am4cm_cli.datasets.pastis.choice import PixelChoice
    from am4cm_cli.datasets.pixels import PreparedIndex
    from am4cm_cli.datasets.stacks import LabelledStack, PrepareConfig
    from am4cm_cli.stacks.stack import Stack

PASTIS, LABELS = "PASTIS", "Labels"
FOLDS_OF_STACKS = 5
"""By default."""
FEWEST_FOLDS = 3
"""To train on one, validate on another and test on a third."""
PLURALS = {"field": "fields", "parcel": "parcels", "block": "blocks", "patch": "patches"}
OF_STACKS = (
    *("labels", "classes_from", "layer", "erode", "unlabelled"),
    *("group_by", "fields", "block", "per_group"),
    *IMAGE_OPTIONS,
)
OF_PARCELS = ("layer", "erode")
OF_PASTIS = ("pixels_per_patch", "fraction", "workers")


def a_share(value: float | None) -> float | None:
    """Refuse what is no share of anything, NaN included."""
    if value is not None and not 0 < value <= 1:
        raise typer.BadParameter(f"{value}: expected more than 0, and at most 1")
    return value


def metres(value: float) -> float:
    """Refuse what is no length."""
    if not 0 <= value < inf:
        raise typer.BadParameter(f"{value}: expected metres, such as 10")
    return value


class Grouping(StrEnum):
    """What stays whole when pixels are split into folds."""

    FIELD = "field"
    BLOCK = "block"


@takes_images
def prepare(
    context: typer.Context,
    sources: Annotated[
        list[Path],
        typer.Argument(
            metavar="SOURCE...", help="Folders of labelled images, or PASTIS.", show_default=False
        ),
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder to make.", show_default=False)],
    labels: Annotated[
        Path,
        typer.Option(
            help="Raster of class codes, by itself or inside each SOURCE; or parcels, with "
            "--classes-from.",
            rich_help_panel=LABELS,
        ),
    ] = Path("labels.tif"),
    classes_from: Annotated[
        str | None,
        typer.Option(
            metavar="FIELD",
            help="--labels is a GeoPackage, GeoJSON or GeoParquet of parcels, and this field, text "
            "or whole numbers, their class.",
            rich_help_panel=LABELS,
        ),
    ] = None,
    layer: Annotated[
        str | None,
        typer.Option(
            help="Of parcels, where --labels has several layers.",
            rich_help_panel=LABELS,
        ),
    ] = None,
    erode: Annotated[
        float,
        typer.Option(
            callback=metres,
            metavar="METRES",
            help="Shrink parcels by so much, to take no pixel on a border.",
            rich_help_panel=LABELS,
        ),
    ] = 0,
    unlabelled: Annotated[
        str | None,
        typer.Option(
            callback=checked_by(split_names),
            help="Codes or classes that are none. Default: 0 and nodata.",
            show_default=False,
            rich_help_panel=LABELS,
        ),
    ] = None,
    group_by: Annotated[
        Grouping,
        typer.Option(help="Keep fields (parcels, or connected labels) or square blocks together."),
    ] = Grouping.FIELD,
    fields: Annotated[
        Path | None,
        typer.Option(
            help="Raster of field numbers; where it holds 0 or nodata, connected labels are "
            "fields.",
            rich_help_panel=LABELS,
        ),
    ] = None,
    block: Annotated[int, typer.Option(min=1, help="Side of a block in pixels.")] = 32,
    per_group: Annotated[
        int | None, typer.Option(min=1, help="At most this many pixels of a field or block.")
    ] = None,
    folds: Annotated[
        str | None,
        typer.Option(
            help="Of images: how many parts to make, 3 or more. Default: 5. Of PASTIS: which of "
            "its folds to take, such as 1,2,3. Default: all.",
            show_default=False,
        ),
    ] = None,
    pixels_per_patch: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="At most this many pixels of each patch.",
            rich_help_panel=PASTIS,
        ),
    ] = None,
    fraction: Annotated[
        float | None,
        typer.Option(
            callback=a_share,
            help="This share of each patch's pixels, 0 to 1.",
            rich_help_panel=PASTIS,
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=32,
            help="PASTIS: patches to read at once. Default: one per core, at most 16.",
            show_default=False,
            rich_help_panel=SPEED,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the split and the choice of pixels.")] = 0,
    images_as: StackOptions = AS_THEY_ARE,
    overwrite: Overwrite = False,
) -> None:
    """Turn labelled stacks or PASTIS into compact pixel series, in folds that keep fields whole.

    PASTIS, or a folder laid out like it, is checked first, and its own folds are kept. After an
    interruption of PASTIS, the same command goes on where it stopped.
    """
    from am4cm_cli.datasets.parcels import ParcelFile
    from am4cm_cli.datasets.pastis.choice import PixelChoice
    from am4cm_cli.datasets.pastis.layout import is_pastis
    from am4cm_cli.datasets.stacks import PrepareConfig, label_stack
    from am4cm_cli.stacks.discovery import find_stack

    if any(is_pastis(source) for source in sources):
        refuse(context, OF_STACKS, "with PASTIS")
        if len(sources) > 1:
            raise typer.BadParameter("PASTIS is prepared by itself", param_hint="'SOURCE'")
        choice = PixelChoice(
            folds=fold_numbers(folds), per_patch=pixels_per_patch, fraction=fraction, seed=seed
        )
        _prepare_pastis(sources[0], out, choice, workers=workers or cores(), overwrite=overwrite)
        return
    refuse(context, OF_PASTIS, "with images")
    check_labels(context, labels, classes_from)
    codes = None if classes_from else split_codes(unlabelled)
    if fields and group_by is Grouping.BLOCK:
        raise typer.BadParameter("has no use with --group-by block", param_hint="'--fields'")
    grouping = "parcel" if classes_from and group_by is Grouping.FIELD else group_by.value
    config = PrepareConfig(
        folds=fold_count(folds),
        per_group=per_group,
        grouping=grouping,
        block=block,
        seed=seed,
    )

    def found(source: Path) -> "Stack":
        return find_stack(source, images_as)

    def labelled() -> "Sequence[LabelledStack]":
        if classes_from:
            from am4cm_cli.datasets.parcel_stacks import label_by_parcels

            none = split_names(unlabelled)
            files = [
                ParcelFile(
                    path=inside(source, labels),
                    field=classes_from,
                    layer=layer,
                    unlabelled=None if none is None else frozenset(none),
                    erode=erode,
                )
                for source in sources
            ]
            return label_by_parcels([found(source) for source in sources], files, config)
        return [
            label_stack(
                found(source),
                inside(source, labels),
                fields=inside(source, fields) if fields else None,
                unlabelled=codes,
                config=config,
            )
            for source in sources
        ]

    _prepare_stacks(out, config, labelled, overwrite=overwrite)


def check_labels(context: typer.Context, labels: Path, classes_from: str | None) -> None:
    """Refuse what means nothing for a raster of labels, or for parcels."""
    from am4cm_cli.datasets.parcels import SUFFIXES

    if classes_from is None:
        refuse(context, OF_PARCELS, "with a raster of labels; parcels need --classes-from")
        if labels.suffix.lower() in SUFFIXES:
            raise typer.BadParameter(
                f"{labels} holds parcels; name the field of their class",
                param_hint="'--classes-from'",
            )
        return
    refuse(context, ("fields",), "with --classes-from, since parcels are the fields")
    if not is_set(context, "labels"):
        raise typer.BadParameter("needs --labels parcels.gpkg", param_hint="'--classes-from'")


def _prepare_stacks(
    out: Path,
    config: "PrepareConfig",
    labelled: "Callable[[], Sequence[LabelledStack]]",
    *,
    overwrite: bool,
) -> None:
    from am4cm_cli.datasets.pixels import MEMBERS
    from am4cm_cli.datasets.stacks import prepare_stacks
    from am4cm_cli.folders import new_folder

    unwind()
    with new_folder(out, members=MEMBERS, overwrite=overwrite) as folder:
        stacks = labelled()
        index = prepare_stacks(stacks, folder, config, track=progress("Preparing"))
    for note in (note for source in stacks for note in source.stack.notes):
        say(note)
    say(summary(out, index))
    if 0 in index.series:
        say(few_groups(index))


def _prepare_pastis(
    source: Path, out: Path, choice: "PixelChoice", *, workers: int, overwrite: bool
) -> None:
    from am4cm_cli.datasets.pastis.checking import check_pastis
    from am4cm_cli.datasets.pastis.preparing import open_run, prepare_run
    from am4cm_cli.datasets.pixels import MEMBERS
    from am4cm_cli.folders import kept_folder

    unwind()
    with kept_folder(out, members=MEMBERS, overwrite=overwrite) as work:
        pastis = check_pastis(source, track=progress("Checking"))
        for note in pastis.notes:
            say(note)
        with open_run(pastis, work, choice) as run:
            if run.note:
                say(run.note)
            try:
                index = prepare_run(run, workers=workers, track=progress("Preparing"))
            except (KeyboardInterrupt, SystemExit):
                say(
                    f"Stopped; the same command goes on where this one was. Until then, {work} is "
                    "kept."
                )
                raise
    say(summary(out, index))
    if 0 in index.series:
        say(f"No series in fold {empty_folds(index)}: no patch of {source} is in it.")


def fold_count(text: str | None) -> int:
    """Read --folds of stacks: how many."""
    if text is None:
        return FOLDS_OF_STACKS
    if not text.isascii() or not text.isdigit() or int(text) < FEWEST_FOLDS:
        raise typer.BadParameter(
            f"{text}: expected how many parts to make of images, {FEWEST_FOLDS} or more",
            param_hint="'--folds'",
        )
    return int(text)


def fold_numbers(text: str | None) -> tuple[int, ...]:
    """Read --folds of PASTIS: which ones."""
    from am4cm_cli.datasets.pastis.layout import FOLDS

    if text is None:
        return FOLDS
    wanted = {word.strip() for word in text.split(",")}
    if not wanted <= {str(fold) for fold in FOLDS}:
        raise typer.BadParameter(
            f"{text}: expected which folds of PASTIS to take, such as 1,2,3",
            param_hint="'--folds'",
        )
    return tuple(fold for fold in FOLDS if str(fold) in wanted)


def summary(out: Path, index: "PreparedIndex") -> str:
    """Say what was written and what was left out."""
    counts = {
        "without a class": index.void,
        "not drawn": index.not_taken,
        "that no date shows": index.unobserved,
    }
    found = ", ".join(f"{count} {reason}" for reason, count in counts.items() if count)
    left_out = f" Left out, in pixels: {found}." if found else ""
    return (
        f"Wrote {out}: {sum(index.series)} series of {len(index.classes)} classes, "
        f"{sum(index.groups)} {PLURALS[index.grouping]} in {len(index.folds)} folds "
        f"({', '.join(map(str, index.series))}).{left_out}"
    )


def empty_folds(index: "PreparedIndex") -> str:
    """Name the folds without series."""
    return ", ".join(str(fold) for fold, n in zip(index.folds, index.series, strict=True) if not n)


def few_groups(index: "PreparedIndex") -> str:
    """Say that there were too few groups to fill all folds."""
    return (
        f"No series in fold {empty_folds(index)}: there are fewer {index.grouping}s than folds. "
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
        raise typer.BadParameter(
            f"{text}: expected whole numbers such as 0,99", param_hint="'--unlabelled'"
        ) from error
