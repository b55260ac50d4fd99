"""`am4cm evaluate`: how good a mask is, against a reference or without one."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from am4cm_cli.commands.completion import complete_weights
from am4cm_cli.commands.console import progress, say, unwind
from am4cm_cli.commands.images import IMAGE_OPTIONS, takes_images
from am4cm_cli.commands.options import (
    OUTPUTS,
    REFERENCE,
    Overwrite,
    ReferenceKind,
    ReferenceMap,
    checked_by,
    find_weights,
    refuse,
    split_names,
)
from am4cm_cli.commands.voice import console
from am4cm_cli.stacks.options import AS_THEY_ARE, StackOptions

if TYPE_CHECKING:
    from rich.console import RenderableType

    from am4cm_cli.stacks.stack import Stack
    from am4cm_cli.validation.evaluating import Evaluation
    from am4cm_cli.weights import Weights

RIVALS = "Rivals"
STDOUT = Path("-")


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How to read a reference."""

    kind: str | None
    mapping: str | None
    without: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """Where to write what was found; None for not at all."""

    json: Path | None
    """STDOUT takes the place of the tables."""
    csv: Path | None
    plot: Path | None

    def check(self, *, overwrite: bool) -> None:
        """Make sure that everything can be written, before any work is spent on it."""
        from am4cm_cli.files import check_output
        from am4cm_cli.pictures.files import check_drawing

        paths = [path for path in (self.json, self.csv, self.plot) if path is not None]
        for path in paths:
            if paths.count(path) > 1:
                raise typer.BadParameter(f"{path}: is named for two outputs; give each its own")
            if path != STDOUT:
                check_output(path, overwrite=overwrite)
        if self.plot is not None:
            check_drawing(self.plot)

    def show(self, tables: "RenderableType") -> None:
        """Print tables, unless standard output is for JSON or CSV."""
        if STDOUT not in (self.json, self.csv):
            console().print(tables)

    def write_json(self, text: str) -> None:
        """Write JSON where it was asked for."""
        _write(self.json, text)

    def write_csv(self, text: str) -> None:
        """Write CSV where it was asked for."""
        _write(self.csv, text)

    def draw(self, found: "Evaluation") -> None:
        """Draw curves where these were asked for."""
        if self.plot is not None:
            from am4cm_cli.pictures.files import draw_curves

            draw_curves(found, self.plot)


def _write(path: Path | None, text: str) -> None:
    from am4cm_cli.files import write_text

    if path == STDOUT:
        typer.echo(text, nl=False)
    elif path is not None:
        write_text(path, text)


@takes_images
def evaluate(
    context: typer.Context,
    mask: Annotated[
        Path, typer.Argument(metavar="MASK", help="Mask that am4cm wrote.", show_default=False)
    ],
    reference: Annotated[
        Path | None,
        typer.Argument(
            metavar="REFERENCE",
            help="npz, dated raster, or folder of SCL, of THEIA's MAJA masks or of dated rasters. "
            "Without it the mask is judged by its --images alone.",
            show_default=False,
        ),
    ] = None,
    kind: ReferenceKind = None,
    map: ReferenceMap = None,  # noqa: A002 - the option's name
    without: Annotated[
        str | None,
        typer.Option(
            metavar="DATE,...",
            callback=checked_by(split_names),
            help="Score once more without these dates.",
            show_default=False,
            rich_help_panel=REFERENCE,
        ),
    ] = None,
    images: Annotated[
        str | None,
        typer.Option(
            metavar="INPUT",
            help="The mask's images: adds a threshold on B02, the blue control (the same "
            "smoothing of the blue, no network) and raw attention on the same pixels.",
            show_default=False,
        ),
    ] = None,
    scl: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Folder of Sen2Cor's scene classes, as a rival.",
            exists=True,
            file_okay=False,
            show_default=False,
            rich_help_panel=RIVALS,
        ),
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Whose attention is scored. Default: those that come with am4cm.",
            callback=find_weights,
            autocompletion=complete_weights,
            show_default=False,
            rich_help_panel=RIVALS,
        ),
    ] = None,
    json: Annotated[
        Path | None,
        typer.Option(
            "--json",
            metavar="FILE",
            help="Write everything as JSON; - for standard output, in place of the tables.",
            show_default=False,
            rich_help_panel=OUTPUTS,
        ),
    ] = None,
    csv: Annotated[
        Path | None,
        typer.Option(
            "--csv",
            metavar="FILE",
            help="Write a row per date and target; - for standard output.",
            show_default=False,
            rich_help_panel=OUTPUTS,
        ),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.png",
            help="Draw ROC, precision-recall and reliability curves.",
            show_default=False,
            rich_help_panel=OUTPUTS,
        ),
    ] = None,
    overwrite: Overwrite = False,
    images_as: StackOptions = AS_THEY_ARE,
) -> None:
    """Show how good a mask is: by a reference, or by what it keeps of its images.

    By a reference, cloud (thick and thin; shadow left out) and unusable
    (shadow too) are scored against clear, each with a 95 % interval by
    resampling dates: on all dates, mixed and uniform ones, thick, thin, shadow
    and edges apart. High is good; only the expected calibration error (ECE)
    should be low. All methods are scored on the same pixels.

    Without a reference: how much kept observations jump from date to date (low
    is good, and far below all), how far they lie off the kept around them
    (low), and how many pixels are flagged on nearly every date (none). How
    well the attention's heads agree is of the weights, whatever the mask.
    """
    _refuse(context, reference, images)
    unwind()
    outputs = Outputs(json=json, csv=csv, plot=plot)
    outputs.check(overwrite=overwrite)
    stack = _stack(images, images_as)
    loaded = _weights(weights) if stack else None
    if reference is None:
        assert stack is not None
        assert loaded is not None
        _look(mask, stack, loaded, outputs)
    else:
        how = Reading(kind=kind, mapping=map, without=tuple(split_names(without) or ()))
        _score(mask, reference, how, stack, loaded, scl, outputs)


def _refuse(context: typer.Context, reference: Path | None, images: str | None) -> None:
    """Refuse a call that could tell nothing, and options without use."""
    if reference is None and images is None:
        raise typer.BadParameter("needs a REFERENCE, or --images to judge the mask by")
    if reference is None:
        useless = ("kind", "map", "without", "scl", "csv", "plot")
        refuse(context, useless, "without REFERENCE")
    if images is None:
        refuse(context, ("weights", *IMAGE_OPTIONS), "without --images")


def _stack(images: str | None, images_as: StackOptions) -> "Stack | None":
    from am4cm_cli.stacks.discovery import find_stack

    if images is None:
        return None
    stack = find_stack(images, images_as)
    for note in stack.notes:
        say(note)
    return stack


def _weights(path: Path | None) -> "Weights":
    from am4cm_cli.weights import load_weights
    from am4cm_cli.weights_header import default_weights

    return load_weights(path or default_weights())


def _look(mask: Path, stack: "Stack", weights: "Weights", outputs: Outputs) -> None:
    """Judge a mask by its images."""
    from am4cm_cli.rasters.masks import open_mask
    from am4cm_cli.reports.evaluation import unlabelled_table
    from am4cm_cli.reports.evaluation_files import to_json, unlabelled_facts
    from am4cm_cli.validation.unlabelled import look

    opened = open_mask(mask)
    found = look(opened, stack, weights, track=progress("Measuring"))
    outputs.show(unlabelled_table(str(mask), found))
    outputs.write_json(to_json(unlabelled_facts(opened, found)))


def _score(
    mask: Path,
    reference: Path,
    how: Reading,
    stack: "Stack | None",
    weights: "Weights | None",
    scl: Path | None,
    outputs: Outputs,
) -> None:
    """Judge a mask by a reference."""
    from am4cm_cli.rasters.masks import open_mask
    from am4cm_cli.reports.evaluation import evaluation_tables
    from am4cm_cli.reports.evaluation_files import dates_csv, evaluation_facts, to_json
    from am4cm_cli.validation.classmaps import parse_map
    from am4cm_cli.validation.evaluating import Rivals, evaluate_mask
    from am4cm_cli.validation.references import read_reference

    opened = open_mask(mask)
    mapping = parse_map(how.mapping) if how.mapping else None
    truth = read_reference(reference, opened.grid, kind=how.kind, mapping=mapping)
    rivals = Rivals(stack=stack, weights=weights, scl=scl)
    found = evaluate_mask(opened, truth, rivals, without=how.without, track=progress("Comparing"))
    for note in found.notes:
        say(note)
    outputs.show(evaluation_tables(found))
    outputs.write_json(to_json(evaluation_facts(found)))
    outputs.write_csv(dates_csv(found))
    outputs.draw(found)
