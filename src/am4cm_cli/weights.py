"""Weights files: safetensors that rebuild their model with no other file."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import save

from am4cm_cli.calibration import AS_IT_IS, DROP_PRIOR, JOINT_PRIOR, MixturePrior, Recalibration
from am4cm_cli.declared import rebuild
from am4cm_cli.errors import WeightsError, first_line
from am4cm_cli.files import appear
from am4cm_cli.models import MODELS, ModelConfig, PixelModel
from am4cm_cli.models.pixel import Rule
from am4cm_cli.sensors import BAND_METRES
from am4cm_cli.tensors import filled, read_tensors
from am4cm_cli.weights_header import KEY, parse_header

FORMAT = 3
READABLE = (1, 2, FORMAT)


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """What turns this model's attention into a cloud probability."""

    logit_sd: tuple[float, ...]
    """(H,) standard deviation of each head's logit over the training series."""
    band_covariance: tuple[tuple[float, ...], ...]
    """(B, B) of the training series' reflectance: what a missing band is guessed by."""
    prior: MixturePrior = DROP_PRIOR
    """Of the attention drops of a stack."""
    joint_prior: MixturePrior = JOINT_PRIOR
    """Of its drops joined with the residuals."""
    cloud: Recalibration = AS_IT_IS
    """Of the probability of cloud, where a reference has been at hand."""
    unusable: Recalibration = AS_IT_IS
    """Of the probability of cloud or shadow."""


@dataclass(frozen=True, kw_only=True)
class Weights:
    """A trained model and what is known of it."""

    model: PixelModel
    calibration: Calibration
    record: Mapping[str, Any]
    """Training data and options, versions, scores: JSON values, for people to read."""
    name: str = ""
    """Of the file, without suffix; empty before it is saved."""
    sha256: str = ""
    """Of the file; empty before it is saved."""


def save_weights(path: Path, weights: Weights) -> None:
    """Write weights; the same weights give the same bytes.

    Raises:
        OutputError: path cannot be written.
    """
    model = weights.model
    header = {
        "format": FORMAT,
        "model": next(name for name, (_, cls) in MODELS.items() if type(model) is cls),
        "config": asdict(model.config),
        "calibration": asdict(weights.calibration),
        "record": weights.record,
    }
    tensors = {name: t.detach().cpu().contiguous() for name, t in model.state_dict().items()}
    # One JSON string under one key: safetensors orders several keys differently on every run.
    content = save(tensors, metadata={KEY: json.dumps(header, sort_keys=True)})
    with appear(path) as partial:
        partial.write_bytes(content)


def load_weights(path: Path) -> Weights:
    """Rebuild a model from its file, on the CPU, in evaluation mode.

    Raises:
        WeightsError: the file is missing, is not safetensors, is not am4cm's, or contradicts
            itself.
    """
    metadata, tensors = read_tensors(path)
    header = parse_header(path, metadata)
    if header.get("format") not in READABLE or header.get("model") not in list(MODELS):
        raise WeightsError(
            f"{path}: format {header.get('format')}, model {header.get('model')}; expected format "
            f"{FORMAT} and one of {', '.join(MODELS)}. Update am4cm, or train the weights again."
        )
    _, model_class = MODELS[header["model"]]
    try:
        config = _rebuild_config(header)
        calibration = _rebuild_calibration(header)
        record = rebuild(dict, header.get("record", {}), "record")
        _check(config, calibration)
        model = filled(lambda: model_class(config), tensors)
    except (ValueError, RuntimeError, OverflowError) as error:
        raise WeightsError(
            f"{path}: the weights do not fit their own header: {first_line(error)}. "
            "Fetch the file again, or train the weights again."
        ) from error
    return Weights(
        model=model,
        calibration=calibration,
        record=record,
        name=path.stem,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
    )


def _rebuild_config(header: Mapping[str, Any]) -> ModelConfig:
    config_class, _ = MODELS[header["model"]]
    value = header.get("config")
    if header["format"] == 1 and isinstance(value, dict):
        # Format 1 knew no other embedding.
        value = {"embedding": "linear"} | value
    config: ModelConfig = rebuild(config_class, value, "config")
    return config


def _rebuild_calibration(header: Mapping[str, Any]) -> Calibration:
    value = header.get("calibration")
    if header["format"] < FORMAT and isinstance(value, dict):
        # Earlier formats knew the drop alone, and no reference.
        later = Calibration(logit_sd=(), band_covariance=())
        added = ("joint_prior", "cloud", "unusable")
        value = {name: asdict(getattr(later, name)) for name in added} | value
    calibration: Calibration = rebuild(Calibration, value, "calibration")
    return calibration


def _check(config: ModelConfig, calibration: Calibration) -> None:
    """Raise ValueError where values of the right types contradict one another."""
    for held, name, expected in (
        _bands_rule(config),
        *config.rules(),
        *_rules(config, calibration),
    ):
        if not held:
            raise ValueError(f"{name}: expected {expected}")


def _bands_rule(config: ModelConfig) -> Rule:
    known = set(config.bands) & BAND_METRES.keys()
    return Rule(0 < len(known) == len(config.bands), "bands", "bands of Sentinel-2, each once")


def _rules(config: ModelConfig, calibration: Calibration) -> tuple[Rule, ...]:
    bands, covariance, logit_sd = (
        len(config.bands),
        calibration.band_covariance,
        calibration.logit_sd,
    )
    priors = (calibration.prior, calibration.joint_prior)
    slopes = (calibration.cloud.slope, calibration.unusable.slope)
    square = {len(covariance), *map(len, covariance)} == {bands}
    return (
        Rule(square, "band_covariance", f"{bands} rows of {bands} numbers"),
        Rule(len(logit_sd) == config.heads, "logit_sd", f"{config.heads} numbers, one per head"),
        Rule(min(logit_sd, default=0) > 0, "logit_sd", "numbers above 0"),
        Rule(min(slopes) > 0, "slope", "a calibration that rises"),
        *[rule for prior in priors for rule in _prior_rules(prior)],
    )


def _prior_rules(prior: MixturePrior) -> tuple[Rule, ...]:
    centre, spread = prior.centre, prior.spread
    scales = (centre.clear_sd, centre.cloud_scale, *vars(spread).values())
    return (
        Rule(min(scales) > 0, "prior", "deviations, scales and spreads above 0"),
        Rule(0 < centre.cloud_share < 1, "prior", "a cloud_share between 0 and 1"),
    )
