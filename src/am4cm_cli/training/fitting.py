"""The steps of a training."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import isfinite
from time import perf_counter

import torch
from torch import Tensor, nn
from torch.optim import AdamW

from am4cm_cli.chance import Draws, shuffled
from am4cm_cli.datasets.batches import Batch, Series, batch_count, split
from am4cm_cli.devices import most_exact
from am4cm_cli.errors import Am4cmError
from am4cm_cli.evaluation import evaluate
from am4cm_cli.models import PixelModel
from am4cm_cli.progress import Track
from am4cm_cli.ranks import Ranks
from am4cm_cli.training.augmentation import harden
from am4cm_cli.training.config import TrainConfig
from am4cm_cli.training.history import Epoch
from am4cm_cli.training.schedule import one_cycle, set_rate

EPSILON = 1e-6
"""Of Adam: it would blow up the rounding errors that are all the gradient some biases have (those
before a normalisation, those of the keys), and make them wander."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """What is learned from what, by whom."""

    train: Series
    validation: Series
    classes: int
    config: TrainConfig
    ranks: Ranks

    @property
    def steps_per_epoch(self) -> int:
        """Each over the series of all ranks."""
        return batch_count(len(self.train), size=self.config.batch)


@dataclass(kw_only=True)
class State:
    """How far a training has got: all that the next epoch depends on."""

    model: PixelModel
    optimiser: AdamW
    history: list[Epoch]
    best: dict[str, Tensor]
    """The state dict after the best epoch."""


def new_state(model: PixelModel, config: TrainConfig) -> State:
    """The state before the first epoch."""
    optimiser = AdamW(model.parameters(), eps=EPSILON, weight_decay=config.weight_decay)
    return State(model=model, optimiser=optimiser, history=[], best={})


def fit(
    state: State, task: Task, *, track: Track = iter, after: Callable[[State], None] | None = None
) -> None:
    """Train the epochs that are left, and leave the model in evaluation mode.

    Args:
        state: changed in place.
        task: the same data and config that the state came from.
        track: follows the steps.
        after: called after every epoch.

    Raises:
        Am4cmError: the loss has become infinite.
    """
    per_epoch = task.steps_per_epoch
    weight = class_weights(task)
    task.ranks.join_norms(state.model)
    left = range(len(state.history) * per_epoch, task.config.epochs * per_epoch)
    steps = iter(track(left))
    while len(state.history) < task.config.epochs:
        began = perf_counter()
        loss = run_epoch(state, task, steps, weight)
        _check_loss(loss, task.config)
        _close_epoch(state, task, loss, seconds=perf_counter() - began)
        if after:
            after(state)
    assert next(steps, None) is None
    state.model.eval()


def _check_loss(loss: float, config: TrainConfig) -> None:
    if not isfinite(loss):
        raise Am4cmError(
            f"--rate {config.rate}: the training came apart (its loss is {loss}). Choose a lower "
            "one, and train from the start."
        )


def class_weights(task: Task) -> Tensor:
    """What a series of each class weighs in the loss, (K,); a class without series nothing.

    "balanced": series / (classes with series * series of the class), as scikit-learn has it.
    """
    targets = task.train.targets.to(task.ranks.device).long()
    counts = targets.bincount(minlength=task.classes)
    if task.config.class_weights == "none":
        return torch.ones(task.classes, device=counts.device)
    weights = len(targets) / ((counts > 0).sum() * counts)
    return weights.masked_fill(counts == 0, 0).float()


def run_epoch(state: State, task: Task, steps: Iterator[int], weight: Tensor) -> float:
    """Take every series once, and return the mean loss of the steps.

    Args:
        state: changed in place.
        task: what to learn.
        steps: at least as many numbers of steps as an epoch has, counted from the first epoch.
        weight: (K,) of the classes in the loss.
    """
    state.model.train()
    config, epoch, data = task.config, len(state.history), task.train
    order = shuffled(len(data), seed=config.seed, epoch=epoch, device=data.targets.device)
    mine = (task.ranks.share(index) for index in split(order, size=config.batch))
    # In this order: when the series are through, no step of the next epoch is taken.
    pairs = zip(data.stream(mine), steps, strict=False)
    losses = [train_step(state, task, batch, step=step, weight=weight) for batch, step in pairs]
    exact = most_exact(task.ranks.device)
    return task.ranks.sum(torch.stack(losses).to(exact)).mean().item()


def train_step(state: State, task: Task, batch: Batch, *, step: int, weight: Tensor) -> Tensor:
    """Learn from this rank's part of a batch, and return its part of the batch's loss."""
    config, ranks, model = task.config, task.ranks, state.model
    rate, momentum = one_cycle(step, steps=config.epochs * task.steps_per_epoch, rate=config.rate)
    set_rate(state.optimiser, rate, momentum)
    draws = Draws(series=batch.series, seed=config.seed, epoch=len(state.history))
    hard = harden(batch, config, draws, mean=model.mean)
    with torch.autocast("cuda", torch.bfloat16, enabled=ranks.device.type == "cuda"):
        prediction = model(hard.reflectance, hard.day_of_year, hard.valid, chance=draws)
    loss = batch_loss(prediction.logits.float(), hard.target, task, weight=weight)
    state.optimiser.zero_grad()
    loss.backward()
    ranks.sum_gradients(model.parameters())
    state.optimiser.step()
    return loss.detach()


def batch_loss(logits: Tensor, target: Tensor, task: Task, *, weight: Tensor) -> Tensor:
    """This rank's part of the weighted mean cross-entropy; the parts sum to that of the batch."""
    total = task.ranks.sum(weight[target].sum())
    summed = nn.functional.cross_entropy(
        logits, target, weight, reduction="sum", label_smoothing=task.config.label_smoothing
    )
    return summed / total


def _close_epoch(state: State, task: Task, loss: float, *, seconds: float) -> None:
    """Validate, write it down, and keep the model if it is the best so far."""
    state.model.eval()
    found = evaluate(state.model, task.validation, classes=task.classes, ranks=task.ranks)
    state.history.append(
        Epoch(
            epoch=len(state.history) + 1,
            train_loss=loss,
            validation_loss=found.loss,
            validation_accuracy=found.confusion.accuracy,
            validation_mean_iou=found.confusion.mean_iou,
            learning_rate=state.optimiser.param_groups[0]["lr"],
            series_per_second=len(task.train) / seconds,
        )
    )
    if kept_epoch(state.history, task.config) == len(state.history):
        state.best = {name: t.detach().clone() for name, t in state.model.state_dict().items()}


def kept_epoch(history: list[Epoch], config: TrainConfig) -> int:
    """The number of the epoch whose model is kept; among equals, the latest."""
    if config.keep == "last":
        return len(history)
    return max(history, key=lambda epoch: (epoch.validation_mean_iou, epoch.epoch)).epoch
