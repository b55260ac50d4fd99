"""A training put aside after every epoch, so that a killed one can go on."""

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from am4cm_cli.declared import rebuild
from am4cm_cli.errors import WeightsError
from am4cm_cli.files import write_bytes, write_text
from am4cm_cli.training.fitting import State
from am4cm_cli.training.history import Epoch

FORMAT = 1
INDEX = "checkpoint.json"
MODEL, BEST, MOMENT = "model.", "best.", "moment."


def checkpoint_folder(out: Path) -> Path:
    """Where the training of these weights is put aside."""
    return out.with_name(f".{out.name}.checkpoint")


def save_checkpoint(folder: Path, state: State, facts: Mapping[str, Any]) -> None:
    """Put a state aside; until it is there whole, the one before it counts.

    Args:
        folder: made if missing.
        state: after an epoch.
        facts: JSON values of what the training depends on; it can go on with the same ones alone.

    Raises:
        OutputError: the disk is full.
    """
    folder.mkdir(exist_ok=True)
    content = save(_tensors(state))
    tensors = f"epoch-{len(state.history)}.safetensors"
    write_bytes(folder / tensors, content)
    index = {
        "format": FORMAT,
        "tensors": tensors,
        "sha256": hashlib.sha256(content).hexdigest(),
        "history": [asdict(epoch) for epoch in state.history],
        "facts": facts,
    }
    write_text(folder / INDEX, json.dumps(index, indent=1) + "\n")  # from here on it counts
    for old in folder.glob("epoch-*.safetensors"):
        if old.name != tensors:
            old.unlink()


def remove_checkpoint(folder: Path) -> None:
    """Forget a training."""
    if folder.is_dir():
        # The index first: what is left by a kill must not be taken for a checkpoint.
        (folder / INDEX).unlink(missing_ok=True)
        shutil.rmtree(folder)


def has_checkpoint(folder: Path) -> bool:
    """Whether a training was put aside there."""
    return (folder / INDEX).is_file()


def restore(folder: Path, state: State, facts: Mapping[str, Any]) -> None:
    """Bring a new state to where the training was put aside.

    Raises:
        WeightsError: the checkpoint is of other settings or data, or damaged.
    """
    path = folder / INDEX
    try:
        index = json.loads(path.read_text(encoding="utf-8"))
        if index["format"] != FORMAT:
            raise ValueError(f"format {index['format']}, expected {FORMAT}")
        _check_facts(folder, index["facts"], facts)
        history = list(rebuild(tuple[Epoch, ...], index["history"], "history"))
        content = (folder / index["tensors"]).read_bytes()
        if hashlib.sha256(content).hexdigest() != index["sha256"]:
            raise ValueError(f"{index['tensors']} is not what was written")
        _load(state, load(content))
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        line = str(error).strip().partition("\n")[0]
        raise WeightsError(
            f"{path}: a damaged checkpoint ({line}). Remove its folder and train from the start."
        ) from error
    state.history = history


def _check_facts(folder: Path, theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> None:
    found = differences(theirs, ours)
    if found:
        raise WeightsError(
            f"{folder}: is of another training: {'; '.join(found)}. Resume with the same settings "
            "and data, or remove the folder and train from the start."
        )


def differences(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> list[str]:
    """Name the facts that are not the same, with what was then and what is now."""
    then, now = dict(_flat(theirs)), dict(_flat(ours))
    return [
        f"{name} was {_told(then.get(name))}, now {_told(now.get(name))}"
        for name in sorted(then.keys() | now.keys())
        if then.get(name) != now.get(name)
    ]


def _flat(facts: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in facts.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{name}.")
        else:
            yield above + name, json.loads(json.dumps(value))  # tuples to lists, as in a file


def _told(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _tensors(state: State) -> dict[str, Tensor]:
    found = {MODEL + name: tensor for name, tensor in state.model.state_dict().items()}
    found |= {BEST + name: tensor for name, tensor in state.best.items()}
    moments = state.optimiser.state_dict()["state"]
    for number, moment in moments.items():
        found |= {f"{MOMENT}{number}.{name}": tensor for name, tensor in moment.items()}
    return {name: tensor.detach().cpu().contiguous() for name, tensor in found.items()}


def _load(state: State, tensors: Mapping[str, Tensor]) -> None:
    device = next(state.model.parameters()).device
    state.model.load_state_dict(_under(MODEL, tensors))
    state.best = {name: t.to(device) for name, t in _under(BEST, tensors).items()}
    moments: dict[int, dict[str, Tensor]] = {}
    for name, tensor in _under(MOMENT, tensors).items():
        number, _, part = name.partition(".")
        moments.setdefault(int(number), {})[part] = tensor
    groups = state.optimiser.state_dict()["param_groups"]
    state.optimiser.load_state_dict({"state": moments, "param_groups": groups})


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
