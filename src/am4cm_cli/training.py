"""Training of a pixel model on prepared series."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from am4cm_cli import __version__
from am4cm_cli.datasets.batches import Batch, ResidentSeries, batch_count
from am4cm_cli.datasets.pixels import (
    NODATA,
    SCALE,
    PixelSeries,
    PreparedIndex,
    join,
    open_fold,
    read_index,
)
from am4cm_cli.errors import DataError
from am4cm_cli.metrics import Confusion
from am4cm_cli.models import LTAE, LTAEConfig
from am4cm_cli.progress import Track
from am4cm_cli.weights import Calibration, Weights

MOST_SAMPLED = 2_000_000


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """How to train; travels with the weights."""

    epochs: int = 10
    batch: int = 512
    """Series per step."""
    rate: float = 4e-3
    """Peak learning rate of the one-cycle schedule."""
    weight_decay: float = 1e-2
    drop_dates: float = 0.6
    """Each series loses a share of its dates drawn evenly from 0 to this."""
    noise: float = 0.04
    """Standard deviation of the reflectance that is added to every band of every date, anew."""
    validation_fold: int = 5
    """Left out of training, and scored."""
    seed: int = 0


def band_statistics(series: PixelSeries) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean (B,) and covariance (B, B) of the bands' reflectance over observed dates.

    From a random two million dates where there are more.
    """
    stored = series.reflectance
    if len(stored) > MOST_SAMPLED:
        # At random: an even stride could meet the same few dates of every series.
        stored = stored[np.random.default_rng(0).integers(len(stored), size=MOST_SAMPLED)]
    observed = stored[stored[:, 0] != NODATA] * SCALE
    return observed.mean(axis=0), np.cov(observed.T)


def drop_dates(valid: Tensor, *, most: float, generator: torch.Generator) -> Tensor:
    """Hide a random share of each series' dates, but never its last one left."""
    share = torch.rand(len(valid), 1, generator=generator) * most
    luck = torch.rand(valid.shape, generator=generator).to(valid.device)
    luck = luck.masked_fill(~valid, -1)
    return valid & ((luck >= share.to(valid.device)) | (luck == luck.amax(1, keepdim=True)))


def add_noise(reflectance: Tensor, *, sd: float, generator: torch.Generator) -> Tensor:
    """Blur (P, T, B) reflectance, so that no weight rests on a fine difference between bands."""
    noise = torch.randn(reflectance.shape, generator=generator) * sd
    return reflectance + noise.to(reflectance.device)


def fit(model: LTAE, data: ResidentSeries, config: TrainConfig, *, track: Track) -> list[float]:
    """Train the model in place and leave it in evaluation mode.

    Returns:
        The mean loss of each epoch.
    """
    generator = torch.Generator().manual_seed(config.seed)
    per_epoch = batch_count(len(data), size=config.batch)
    steps = config.epochs * per_epoch
    optimiser = torch.optim.AdamW(model.parameters(), weight_decay=config.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=config.rate, total_steps=steps)
    model.train()
    losses = []
    stream = _stream(data, config, generator)
    for _, batch in zip(track(range(steps)), stream, strict=True):
        loss = _loss(model, batch, config, generator)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        losses.append(loss.detach())
    model.eval()
    return torch.stack(losses).reshape(config.epochs, per_epoch).mean(1).tolist()


def _stream(
    data: ResidentSeries, config: TrainConfig, generator: torch.Generator
) -> Iterator[Batch]:
    """Yield every series once an epoch, each epoch in another order."""
    for _ in range(config.epochs):
        order = torch.randperm(len(data), generator=generator)
        yield from data.batches(order, size=config.batch)


def _loss(model: LTAE, batch: Batch, config: TrainConfig, generator: torch.Generator) -> Tensor:
    valid = drop_dates(batch.valid, most=config.drop_dates, generator=generator)
    reflectance = add_noise(batch.reflectance, sd=config.noise, generator=generator)
    prediction = model(reflectance, batch.day_of_year, valid)
    return nn.functional.cross_entropy(prediction.logits, batch.target)


@torch.inference_mode()
def confusion(model: LTAE, data: ResidentSeries, *, size: int = 2048) -> Confusion:
    """Predict every series once and count."""
    classes = len(model.config.classes)
    total = Confusion(np.zeros((classes, classes), dtype=np.int64))
    for batch in data.batches(torch.arange(len(data)), size=size):
        predicted = model(batch.reflectance, batch.day_of_year, batch.valid).logits.argmax(1)
        total += Confusion.of(batch.target.cpu().numpy(), predicted.cpu().numpy(), classes=classes)
    return total


@torch.inference_mode()
def logit_spread(model: LTAE, data: ResidentSeries, *, size: int = 2048) -> tuple[float, ...]:
    """Standard deviation of each head's attention logit over all observed dates, (H,)."""
    moments = torch.zeros(2, model.config.heads, dtype=torch.float64)
    count = 0
    for batch in data.batches(torch.arange(len(data)), size=size):
        embedded = model.embed(batch.reflectance, batch.day_of_year, batch.valid)
        logits = model.attention_logits(embedded)[:, batch.valid].cpu().double()
        moments += torch.stack([logits.sum(1), logits.square().sum(1)])
        count += logits.shape[1]
    mean, square = moments / count
    return tuple((square - mean.square()).sqrt().tolist())


def train_weights(
    folder: Path, config: TrainConfig, *, device: torch.device, track: Track = iter
) -> Weights:
    """Train on all folds of a prepared folder but one, and score on that one.

    Raises:
        DataError: the folder is not prepared data, or a fold is empty.
    """
    index = read_index(folder)
    _check_folds(folder, index, config.validation_fold)
    kept = [fold for fold in index.folds if fold != config.validation_fold]
    series = join(open_fold(folder, fold) for fold in kept)
    data = ResidentSeries(series, device)
    held_out = ResidentSeries(open_fold(folder, config.validation_fold), device)
    mean, covariance = band_statistics(series)
    torch.manual_seed(config.seed)
    model = LTAE(_architecture(index, mean, covariance)).to(device)
    losses = fit(model, data, config, track=track)
    return Weights(
        model=model,
        calibration=Calibration(
            logit_sd=logit_spread(model, data),
            band_covariance=tuple(map(tuple, covariance.tolist())),
        ),
        record=_record(index, config, losses, confusion(model, held_out)),
    )


def _check_folds(folder: Path, index: PreparedIndex, held_out: int) -> None:
    filled = {fold: n for fold, n in zip(index.folds, index.series, strict=True) if n}
    if held_out not in filled or sum(filled.values()) - filled[held_out] < 2:
        raise DataError(
            f"{folder}: no fold {held_out} to validate on with series left to train on; found "
            f"{', '.join(map(str, filled)) or 'none'} with series. Choose another "
            "--validation-fold, or prepare more fields or smaller blocks."
        )


def _architecture(
    index: PreparedIndex, mean: NDArray[np.float64], covariance: NDArray[np.float64]
) -> LTAEConfig:
    # A band that never changes tells nothing, and must not be divided by nothing.
    std = np.sqrt(np.diag(covariance)).clip(SCALE)
    return LTAEConfig(
        bands=index.bands,
        mean=tuple(mean.tolist()),
        std=tuple(std.tolist()),
        classes=index.classes,
    )


def _record(
    index: PreparedIndex, config: TrainConfig, losses: list[float], scores: Confusion
) -> dict[str, Any]:
    """What the weights file and the metrics file say of the training."""
    return {
        "training": asdict(config),
        "data": asdict(index),
        "losses": losses,
        "scores": {
            "overall_accuracy": scores.accuracy,
            "mean_iou": scores.mean_iou,
            "f1": _by_class(index.classes, scores.f1),
            "iou": _by_class(index.classes, scores.iou),
            "confusion": scores.counts.tolist(),
        },
        "versions": {"am4cm": __version__, "torch": torch.__version__},
    }


def _by_class(classes: tuple[str, ...], ratios: NDArray[np.float64]) -> dict[str, float | None]:
    # JSON has no NaN: a class neither present nor predicted has null.
    known = [None if np.isnan(ratio) else float(ratio) for ratio in ratios]
    return dict(zip(classes, known, strict=True))


def metrics_json(weights: Weights) -> str:
    """The training record as JSON, for the file beside the weights."""
    return json.dumps(weights.record, indent=1) + "\n"
