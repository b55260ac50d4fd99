"""`am4cm train`: prepared pixel series to weights."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from am4cm_cli.commands.console import progress, say, unwind
from am4cm_cli.commands.options import OUTPUTS, SPEED, Device, Overwrite

if TYPE_CHECKING:
    from collections.abc import Mapping

    from am4cm_cli.ranks import Ranks
    from am4cm_cli.training import Place, Run, TrainConfig

GIGABYTE = 10**9
MOST_MEMORY = 10**6
"""GB."""
FIRST_FOLD = 1
SCHEDULE, AUGMENTATION = "Schedule", "Augmentation"


class ClassWeights(StrEnum):
    """What each class weighs in the loss."""

    NONE = "none"
    BALANCED = "balanced"


class Keep(StrEnum):
    """Which epoch becomes the weights."""

    BEST = "best"
    LAST = "last"


class Model(StrEnum):
    """What to train; the names are those of `models.MODEL_NAMES`."""

    LTAE = "ltae"
    MLP = "mlp"
    SIZE_9K = "9k"
    SIZE_34K = "34k"
    SIZE_112K = "112k"
    SIZE_288K = "288k"
    COMPAT_9K = "compat-9k"
    COMPAT_34K = "compat-34k"
    COMPAT_112K = "compat-112k"
    COMPAT_288K = "compat-288k"


def train(
    data: Annotated[
        Path,
        typer.Argument(metavar="DATA", help="Folder made by am4cm prepare.", show_default=False),
    ],
    out: Annotated[
        Path,
        typer.Argument(metavar="OUT", help="Weights to write (.safetensors).", show_default=False),
    ],
    fold: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="First fold to train on; of F folds F - 2 in a row are trained on, the next is "
            "for validation, the one after it for testing, and 1 follows the last. Default: 1.",
            show_default=False,
        ),
    ] = None,
    all_folds: Annotated[
        bool,
        typer.Option(
            "--all-folds", help="Train every turn, as OUT-fold1 and so on, and pool their tests."
        ),
    ] = False,
    model: Annotated[
        Model,
        typer.Option(
            help="ltae, mlp, or a size of the paper: 9k, 34k, 112k, 288k; compat-9k and so on "
            "are the original network.",
        ),
    ] = Model.LTAE,
    epochs: Annotated[
        int,
        typer.Option(
            min=1,
            help="Times each series is seen.",
            rich_help_panel=SCHEDULE,
        ),
    ] = 10,
    batch: Annotated[
        int,
        typer.Option(
            min=2,
            help="Series per step, of all processes together.",
            rich_help_panel=SCHEDULE,
        ),
    ] = 512,
    rate: Annotated[
        float,
        typer.Option(
            min=0,
            help="Peak of the one-cycle schedule.",
            rich_help_panel=SCHEDULE,
        ),
    ] = 4e-3,
    weight_decay: Annotated[
        float,
        typer.Option(
            min=0,
            help="Of AdamW.",
            rich_help_panel=SCHEDULE,
        ),
    ] = 1e-2,
    drop_dates: Annotated[
        float,
        typer.Option(
            min=0,
            max=1,
            help="Largest share of dates hidden from a series.",
            rich_help_panel=AUGMENTATION,
        ),
    ] = 0.6,
    drop_bands: Annotated[
        float,
        typer.Option(
            min=0,
            max=1,
            help="Share of series that have bands hidden.",
            rich_help_panel=AUGMENTATION,
        ),
    ] = 0.0,
    shade: Annotated[
        float,
        typer.Option(
            min=0,
            max=1,
            help="Share of dates darkened as a cloud's shadow does.",
            rich_help_panel=AUGMENTATION,
        ),
    ] = 0.05,
    noise: Annotated[
        float,
        typer.Option(
            min=0,
            max=1,
            help="Reflectance noise added to every band of every date.",
            rich_help_panel=AUGMENTATION,
        ),
    ] = 0.04,
    class_weights: Annotated[
        ClassWeights,
        typer.Option(
            help="balanced: rare classes weigh as much as common ones.",
            rich_help_panel=SCHEDULE,
        ),
    ] = ClassWeights.NONE,
    label_smoothing: Annotated[
        float,
        typer.Option(
            min=0,
            max=1,
            help="Share of a label spread over all classes.",
            rich_help_panel=SCHEDULE,
        ),
    ] = 0.0,
    keep: Annotated[
        Keep,
        typer.Option(
            help="Epoch to keep: best mean IoU in validation, or last.",
            rich_help_panel=SCHEDULE,
        ),
    ] = Keep.BEST,
    seed: Annotated[
        int,
        typer.Option(
            min=0,
            help="The same seed gives the same bytes.",
            rich_help_panel=SCHEDULE,
        ),
    ] = 0,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on after the last whole epoch of a stopped run.")
    ] = False,
    tensorboard: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            file_okay=False,
            help="Folder for a TensorBoard log as well.",
            show_default=False,
            rich_help_panel=OUTPUTS,
        ),
    ] = None,
    memory: Annotated[
        float | None,
        typer.Option(
            metavar="GB",
            min=0,
            max=MOST_MEMORY,
            help="GB that series may take on the device; more are read while training. Default: "
            "most of what is free.",
            show_default=False,
            rich_help_panel=SPEED,
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            metavar="PAGE.html",
            help="Report to write: curves, confusion, attention; pictures beside it.",
            show_default=False,
            rich_help_panel=OUTPUTS,
        ),
    ] = None,
    device: Device = "auto",
    overwrite: Overwrite = False,
) -> None:
    """Train a pixel model on crop labels; its attention learns to ignore clouds.

    Several processes: torchrun --nproc-per-node N -m am4cm_cli train DATA OUT.
    """
    from am4cm_cli.ranks import join_ranks
    from am4cm_cli.training import Place, Run, TrainConfig

    if out.suffix != ".safetensors":
        raise typer.BadParameter(f"{out}: expected a name that ends in .safetensors")
    if all_folds and fold is not None:
        raise typer.BadParameter("has no use with --all-folds", param_hint="'--fold'")
    config = TrainConfig(
        model=model.value,
        epochs=epochs,
        batch=batch,
        rate=rate,
        weight_decay=weight_decay,
        drop_dates=drop_dates,
        drop_bands=drop_bands,
        shade=shade,
        noise=noise,
        class_weights=class_weights.value,
        label_smoothing=label_smoothing,
        keep=keep.value,
        seed=seed,
    )
    place = Place(out=out, overwrite=overwrite, resume=resume, tensorboard=tensorboard)
    unwind()
    pages = _pages(report, data, place, all_folds=all_folds)
    _check_pages(pages)
    with join_ranks(device) as ranks:
        run = Run(
            ranks=ranks,
            memory=None if memory is None else round(memory * GIGABYTE),
            track=progress("Training") if ranks.first else iter,
        )
        try:
            if all_folds:
                told = _train_all(data, config, run, place)
            else:
                told = _train_one(data, FIRST_FOLD if fold is None else fold, config, run, place)
        except (KeyboardInterrupt, SystemExit):
            _say_first(run, "Stopped; with --resume it goes on after the last whole epoch.")
            raise
        _say_first(run, told)
        if ranks.first:
            for page, one in pages.items():
                _write_page(page, one, data, ranks)


def _say_first(run: "Run", message: str) -> None:
    if run.ranks.first:
        say(message)


def _pages(
    report: Path | None, data: Path, place: "Place", *, all_folds: bool
) -> "dict[Path, Place]":
    """Each page to write, and where the training is that it tells of; none without --report."""
    if report is None:
        return {}
    if not all_folds:
        return {report: place}
    from am4cm_cli.datasets.pixels import read_index
    from am4cm_cli.training import rotations

    return {
        report.with_stem(f"{report.stem}-fold{fold}"): place.of_fold(fold)
        for fold in rotations(data, read_index(data))
    }


def _check_pages(pages: "Mapping[Path, Place]") -> None:
    if not pages:
        return
    from am4cm_cli.pictures.training import check_report

    for page, place in pages.items():
        check_report(page, overwrite=place.overwrite or place.resumes)


def _write_page(page: Path, place: "Place", data: Path, ranks: "Ranks") -> None:
    from am4cm_cli.pictures.training import write_report
    from am4cm_cli.reports.trained import report_weights

    follow = progress("Attention over the year")
    write_report(report_weights(place.out, place.log, data, ranks=ranks, track=follow), page)
    say(f"Wrote {page}")


def _train_one(data: Path, fold: int, config: "TrainConfig", run: "Run", place: "Place") -> str:
    from am4cm_cli.training import train_file

    found = train_file(data, fold, config, run, place)
    scores = found.weights.record["scores"]
    return (
        f"Wrote {place.out}: test fold {found.rotation.test} has overall accuracy "
        f"{scores['overall_accuracy']:.3f}, mean IoU {scores['mean_iou']:.3f}; details in "
        f"{place.metrics}"
    )


def _train_all(data: Path, config: "TrainConfig", run: "Run", place: "Place") -> str:
    from am4cm_cli.training import train_all_folds

    pooled = train_all_folds(data, config, run, place)
    return (
        f"Wrote {', '.join(map(str, pooled.weights))}: all {len(pooled.weights)} test folds "
        f"together have overall accuracy {pooled.scores.overall_accuracy:.3f}, mean IoU "
        f"{pooled.scores.mean_iou:.3f}; details in {place.metrics}"
    )
