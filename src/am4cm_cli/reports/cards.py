"""What weights and prepared data say of themselves, as facts and as tables."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import torch
from rich.table import Table

from am4cm_cli.attention import fold, spectral_index, unfoldable
from am4cm_cli.calibration import AS_IT_IS
from am4cm_cli.classes import TARGETS
from am4cm_cli.datasets.pixels import PreparedIndex
from am4cm_cli.weights import Weights


def weights_card(weights: Weights) -> dict[str, Any]:
    """Everything a weights file holds but the tensors, ready for JSON."""
    config = asdict(weights.model.config)
    logit_sd = torch.tensor(weights.calibration.logit_sd)
    index: list[float] = []
    if unfoldable(weights.model) is None:
        index = spectral_index(fold(weights.model), logit_sd.double()).tolist()
    facts = {
        "name": weights.name,
        "sha256": weights.sha256,
        "parameters": sum(p.numel() for p in weights.model.parameters()),
        "config": config,
        "spectral_index": dict(zip(config["bands"], index, strict=False)),
        "calibration": asdict(weights.calibration),
    }
    return facts | dict(weights.record) | facts  # a record may add facts, but change none


def weights_table(card: dict[str, Any]) -> Table:
    """A card with what a user asks first, as far as its record tells."""
    config = card["config"]
    table = _card(f"{card['name']}: pixel L-TAE, {card['parameters']:,} parameters")
    table.add_row("sha256", card["sha256"])
    table.add_row("bands", " ".join(config["bands"]))
    table.add_row("classes", ", ".join(config["classes"]))
    table.add_row("data", _told(_data, card))
    table.add_row("split by", _told(_split, card))
    table.add_row("scores", _told(_scores, card))
    if "choice" in card:
        table.add_row("chosen", _told(_choice, card))
    if (lines := _lines(card)) is not None:
        table.add_row("probability", lines)
        table.add_row("  fitted to", _told(_fitted, card))
    index = "  ".join(f"{band} {value:+.2f}" for band, value in card["spectral_index"].items())
    table.add_row("what attention looks for", index or "no one index tells")
    table.add_row("training", _told(lambda card: _pairs(card["training"]), card))
    table.add_row("versions", _told(lambda card: _pairs(card["versions"]), card))
    return table


def _told(tell: Callable[[dict[str, Any]], str], card: dict[str, Any]) -> str:
    # The record is for people: whoever trained may have put anything there, or nothing.
    try:
        return tell(card)
    except (LookupError, TypeError, ValueError, AttributeError):
        return "not recorded"


def _data(card: dict[str, Any]) -> str:
    return f"{sum(card['data']['series']):,} series of {', '.join(card['data']['sources'])}"


def _split(card: dict[str, Any]) -> str:
    return f"{card['data']['grouping']}, {len(card['data']['folds'])} folds"


def _scores(card: dict[str, Any]) -> str:
    scores = card["scores"]
    folds = scores.get("folds") or [card["training"]["validation_fold"]]  # of weights before 0.2
    return (
        f"fold {', '.join(map(str, folds))}: overall accuracy "
        f"{scores['overall_accuracy']:.3f}, mean IoU {scores['mean_iou']:.3f}"
    )


def _choice(card: dict[str, Any]) -> str:
    return f"among {', '.join(card['choice']['from'])}, by {card['choice']['by']}"


def _lines(card: dict[str, Any]) -> str | None:
    """How probabilities are moved, None where they are left as they are."""
    lines = {target: card["calibration"][target] for target in TARGETS}
    if all(line == asdict(AS_IT_IS) for line in lines.values()):
        return None
    return ", ".join(
        f"{target}: log odds * {line['slope']:.3f} {line['intercept']:+.3f}"
        for target, line in lines.items()
    )


def _fitted(card: dict[str, Any]) -> str:
    made = card["recalibration"]
    dates = max(one["dates"] for one in made["targets"].values())
    return f"{made['reference']} ({made['kind']}, {dates} dates), {made['fit']}"


def prepared_table(folder: str, index: PreparedIndex) -> Table:
    """A card of prepared data."""
    table = _card(f"{folder}: {sum(index.series):,} labelled pixel series")
    table.add_row("bands", " ".join(index.bands))
    table.add_row("classes", ", ".join(index.classes))
    table.add_row("sources", ", ".join(index.sources))
    table.add_row("split by", index.grouping)
    for name, counts in (("series", index.series), ("groups", index.groups)):
        folds = zip(index.folds, counts, strict=True)
        table.add_row(name, ", ".join(f"fold {fold}: {count:,}" for fold, count in folds))
    table.add_row(
        "pixels left out",
        f"{index.void:,} without a class, {index.not_taken:,} not drawn, "
        f"{index.unobserved:,} that no date shows",
    )
    return table


def _card(title: str) -> Table:
    table = Table(title=title, title_justify="left", box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    return table


def _pairs(values: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())
