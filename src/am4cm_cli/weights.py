"""Weights files: safetensors that rebuild their model with no other file."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from am4cm_cli.calibration import DROP_PRIOR, MixturePrior
from am4cm_cli.declared import rebuild
from am4cm_cli.errors import WeightsError
from am4cm_cli.files import appear
from am4cm_cli.models import LTAE, MODELS, LTAEConfig
from am4cm_cli.sensors import BAND_METRES

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
        WeightsError: the file is missing, is not safetensors, is not am4cm's, or contradicts
            itself.
    """
    header, tensors = _read(path)
    if header.get("format") != FORMAT or header.get("model") not in list(MODELS):
        raise WeightsError(
            f"{path}: format {header.get('format')}, model {header.get('model')}; expected format "
            f"{FORMAT} and one of {', '.join(MODELS)}. Update am4cm, or train the weights again."
        )
    config_class, model_class = MODELS[header["model"]]
    try:
        config: LTAEConfig = rebuild(config_class, header.get("config"), "config")
        calibration: Calibration = rebuild(Calibration, header.get("calibration"), "calibration")
        record = rebuild(dict, header.get("record", {}), "record")
        _check(config, calibration)
        model = _build(model_class, config, tensors)
    except (ValueError, RuntimeError, OverflowError) as error:
        raise WeightsError(
            f"{path}: the weights do not fit their own header: {_first_line(error)}. "
            "Fetch the file again, or train the weights again."
        ) from error
    return Weights(
        model=model,
        calibration=calibration,
        record=record,
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
            f"{path}: not a readable weights file ({_first_line(error)}). Expected a .safetensors "
            "file written by am4cm train."
        ) from error
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise WeightsError(
            f"{path}: safetensors without am4cm's header. Expected a file written by am4cm train."
        ) from error


def _check(config: LTAEConfig, calibration: Calibration) -> None:
    """Raise ValueError where values of the right types contradict one another."""
    bands, heads, covariance = len(config.bands), config.heads, calibration.band_covariance
    centre, spread = calibration.prior.centre, calibration.prior.spread
    scales = (centre.clear_sd, centre.cloud_scale, *vars(spread).values())
    known = set(config.bands) & BAND_METRES.keys()
    sizes = (heads, config.channels, config.key_channels, config.hidden)
    for held, name, expected in (
        (0 < len(known) == bands, "bands", "bands of Sentinel-2, each once"),
        (len(config.mean) == len(config.std) == bands, "mean and std", f"{bands} numbers each"),
        (min(config.std, default=0) > 0, "std", "numbers above 0"),
        (len(config.classes) > 0, "classes", "at least one"),
        (
            1 <= min(sizes) <= max(sizes) <= 10**6,
            "heads, channels, key_channels and hidden",
            "1 to 10^6",
        ),
        (heads > 0 and config.channels % heads == 0, "channels", "a multiple of heads"),
        (
            {len(covariance), *map(len, covariance)} == {bands},
            "band_covariance",
            f"{bands} rows of {bands} numbers",
        ),
        (len(calibration.logit_sd) == heads, "logit_sd", f"{heads} numbers, one per head"),
        (min(calibration.logit_sd, default=0) > 0, "logit_sd", "numbers above 0"),
        (min(scales) > 0, "prior", "deviations, scales and spreads above 0"),
        (0 < centre.cloud_share < 1, "prior", "a cloud_share between 0 and 1"),
    ):
        if not held:
            raise ValueError(f"{name}: expected {expected}")


def _build(
    model_class: type[LTAE], config: LTAEConfig, tensors: Mapping[str, torch.Tensor]
) -> LTAE:
    with torch.device("meta"):  # shapes alone: absurd sizes must not be allocated first
        expected = {name: tuple(t.shape) for name, t in model_class(config).state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    for name in sorted(expected.keys() | found.keys()):
        if found.get(name) != expected.get(name):
            raise ValueError(
                f"tensor {name} has shape {found.get(name)}; expected {expected.get(name)}"
            )
    model = model_class(config)
    model.load_state_dict(dict(tensors))
    for name, tensor in model.state_dict().items():
        if not tensor.isfinite().all() or (name.endswith("running_var") and tensor.min() < 0):
            raise ValueError(f"tensor {name} holds NaN, infinity or a negative variance")
    return model.eval()


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
