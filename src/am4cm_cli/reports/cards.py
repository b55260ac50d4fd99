"""What weights and prepared data say of themselves, as facts and as tables."""

from dataclasses import asdict
from typing import Any

import torch
from rich.table import Table

from am4cm_cli.attention import fold, spectral_index
from am4cm_cli.datasets.pixels import PreparedIndex
from am4cm_cli.weights import Weights


def weights_card(weights: Weights) -> dict[str, Any]:
    """Everything a weights file holds but the tensors, ready for JSON."""
    config = asdict(weights.model.config)
    logit_sd = torch.tensor(weights.calibration.logit_sd)
    index = spectral_index(fold(weights.model), logit_sd.double()).tolist()
    return {
        "name": weights.name,
        "sha256": weights.sha256,
        "parameters": sum(p.numel() for p in weights.model.parameters()),
        "config": config,
        "spectral_index": dict(zip(config["bands"], index, strict=True)),
        "calibration": asdict(weights.calibration),
        **weights.record,
    }


def weights_table(card: dict[str, Any]) -> Table:
    """A card with what a user asks first."""
    config, scores, data = card["config"], card["scores"], card["data"]
    table = _card(f"{card['name']}: pixel L-TAE, {card['parameters']:,} parameters")
    table.add_row("sha256", card["sha256"])
    table.add_row("bands", " ".join(config["bands"]))
    table.add_row("classes", ", ".join(config["classes"]))
    table.add_row("data", f"{sum(data['series']):,} series of {', '.join(data['sources'])}")
    table.add_row("split by", f"{data['grouping']}, {len(data['folds'])} folds")
    table.add_row(
        "scores",
        f"fold {card['training']['validation_fold']}: overall accuracy "
        f"{scores['overall_accuracy']:.3f}, mean IoU {scores['mean_iou']:.3f}",
    )
    if "choice" in card:
        chosen = card["choice"]
        table.add_row("chosen", f"among {', '.join(chosen['from'])}, by {chosen['by']}")
    index = "  ".join(f"{band} {value:+.2f}" for band, value in card["spectral_index"].items())
    table.add_row("what attention looks for", index)
    table.add_row("training", _pairs(card["training"]))
    table.add_row("versions", _pairs(card["versions"]))
    return table


def prepared_table(folder: str, index: PreparedIndex) -> Table:
    """A card of prepared data."""
    table = _card(f"{folder}: {sum(index.series):,} labelled pixel series")
    table.add_row("bands", " ".join(index.bands))
    table.add_row("classes", ", ".join(index.classes))
    table.add_row("sources", ", ".join(index.sources))
    table.add_row("split by", index.grouping)
    folds = zip(index.folds, index.series, strict=True)
    table.add_row("series", ", ".join(f"fold {fold}: {count:,}" for fold, count in folds))
    table.add_row("left out", f"{index.unobserved:,} pixels that no date shows")
    return table


def _card(title: str) -> Table:
    table = Table(title=title, title_justify="left", box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    return table


def _pairs(values: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())
