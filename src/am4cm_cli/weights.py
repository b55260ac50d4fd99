"""Weights files: safetensors that rebuild their model with no other file."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from am4cm_cli.calibration import DROP_PRIOR, Mixture, MixturePrior
from am4cm_cli.errors import WeightsError
from am4cm_cli.files import appear
from am4cm_cli.models import LTAE, MODELS

FORMAT = 1
KEY = "am4cm"
DEFAULT_NAME = "sim-10band"


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """What turns this model's attention into a cloud probability."""

    logit_sd: tuple[float, ...]
    """(H,) standard deviation of each head's logit over the training series."""
    band_covariance: tuple[tuple[float, ...], ...]
    """(B, B) of the training series' reflectance: what a missing band is guessed by."""
    prior: MixturePrior = DROP_PRIOR
    """Of the attention drops of a stack."""


@dataclass(frozen=True, kw_only=True)
class Weights:
    """A trained model and what is known of it."""

    model: LTAE
    calibration: Calibration
    record: Mapping[str, Any]
    """Training data and options, versions, scores: JSON values, for people to read."""
    name: str = ""
    """Of the file, without suffix; empty before it is saved."""
    sha256: str = ""
    """Of the file; empty before it is saved."""


def default_weights() -> Path:
    """Where the weights that come with am4cm are: in the wheel, or in a source checkout."""
    package = Path(__file__).parent
    name = f"{DEFAULT_NAME}.safetensors"
    for folder in (package / "_weights", package.parents[1] / "weights"):
        if (folder / name).is_file():
            return folder / name
    raise WeightsError(
        f"{package / '_weights'}: the default weights {name} are missing. "
        "Install am4cm again, or name a file with --weights."
    )


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
        WeightsError: the file is missing, is not safetensors, or is not am4cm's.
    """
    header, tensors = _read(path)
    if header.get("format") != FORMAT or header.get("model") not in MODELS:
        raise WeightsError(
            f"{path}: format {header.get('format')}, model {header.get('model')}; expected format "
            f"{FORMAT} and one of {', '.join(MODELS)}. Update am4cm, or train the weights again."
        )
    try:
        model = _build(header["model"], header["config"], tensors)
        calibration = _calibration(header["calibration"])
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise WeightsError(f"{path}: the weights do not fit their own header: {error}") from error
    return Weights(
        model=model,
        calibration=calibration,
        record=header.get("record", {}),
        name=path.stem,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
    )


def _read(path: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    try:
        with safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {})[KEY])
            return dict(header), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise WeightsError(
            f"{path}: not a readable weights file ({error}). Expected a .safetensors file "
            "written by am4cm train."
        ) from error
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(
            f"{path}: safetensors without am4cm's header. Expected a file written by am4cm train."
        ) from error


def _build(name: str, values: Mapping[str, Any], tensors: Mapping[str, torch.Tensor]) -> LTAE:
    config_class, model_class = MODELS[name]
    known = {field.name for field in fields(config_class)}
    if set(values) != known:
        raise ValueError(f"config has {sorted(values)}, expected {sorted(known)}")
    frozen: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
    config = config_class(**frozen)
    model = model_class(config)
    model.load_state_dict(dict(tensors))
    return model.eval()


def _calibration(values: Mapping[str, Any]) -> Calibration:
    prior = {name: Mixture(**part) for name, part in values["prior"].items()}
    return Calibration(
        logit_sd=tuple(values["logit_sd"]),
        band_covariance=tuple(map(tuple, values["band_covariance"])),
        prior=MixturePrior(**prior),
    )
