"""`am4cm train`: prepared pixel series to weights."""

from pathlib import Path
from typing import Annotated

import typer

from am4cm_cli.commands.console import progress, say, unwind
from am4cm_cli.commands.options import Device, Overwrite


def train(
    data: Annotated[
        Path,
        typer.Argument(metavar="DATA", help="Folder made by am4cm prepare.", show_default=False),
    ],
    out: Annotated[
        Path,
        typer.Argument(metavar="OUT", help="Weights to write (.safetensors).", show_default=False),
    ],
    epochs: Annotated[int, typer.Option(min=1, help="Times each series is seen.")] = 10,
    batch: Annotated[int, typer.Option(min=2, help="Series per step.")] = 512,
    rate: Annotated[float, typer.Option(min=0, help="Peak of the one-cycle schedule.")] = 4e-3,
    weight_decay: Annotated[float, typer.Option(min=0, help="Of AdamW.")] = 1e-2,
    drop_dates: Annotated[
        float, typer.Option(min=0, max=1, help="Largest share of dates hidden from a series.")
    ] = 0.6,
    noise: Annotated[
        float, typer.Option(min=0, help="Reflectance noise added to every band of every date.")
    ] = 0.04,
    validation_fold: Annotated[int, typer.Option(min=1, help="Fold to score on.")] = 5,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same bytes.")] = 0,
    device: Device = "auto",
    overwrite: Overwrite = False,
) -> None:
    """Train the pixel L-TAE on crop labels; its attention learns to ignore clouds."""
    from am4cm_cli.devices import pick_device
    from am4cm_cli.files import check_output, write_text
    from am4cm_cli.training import TrainConfig, metrics_json, train_weights
    from am4cm_cli.weights import save_weights

    if out.suffix != ".safetensors":
        raise typer.BadParameter(f"{out}: expected a name that ends in .safetensors")
    unwind()
    metrics = out.with_suffix(".metrics.json")
    for path in (out, metrics):
        check_output(path, overwrite=overwrite)
    config = TrainConfig(
        epochs=epochs,
        batch=batch,
        rate=rate,
        weight_decay=weight_decay,
        drop_dates=drop_dates,
        noise=noise,
        validation_fold=validation_fold,
        seed=seed,
    )
    weights = train_weights(data, config, device=pick_device(device), track=progress("Training"))
    save_weights(out, weights)
    write_text(metrics, metrics_json(weights))
    scores = weights.record["scores"]
    say(
        f"Wrote {out}: fold {validation_fold} has overall accuracy "
        f"{scores['overall_accuracy']:.3f}, mean IoU {scores['mean_iou']:.3f}; details in {metrics}"
    )
