"""Weights files: nothing lost, nothing else needed, nothing else accepted."""

import hashlib
import io
import json
import re
import subprocess
import sys

import pytest
import torch
from rich.console import Console
from safetensors.torch import load_file, save_file

from am4cm_cli.errors import WeightsError
from am4cm_cli.models import MODEL_NAMES, LTAEConfig
from am4cm_cli.reports.cards import weights_card, weights_table
from am4cm_cli.weights import load_weights, save_weights
from am4cm_cli.weights_header import default_weights
from cloudy import bright_weights
from networks import untrained


def test_a_file_rebuilds_its_weights(tmp_path):
    weights = bright_weights()
    save_weights(tmp_path / "w.safetensors", weights)
    found = load_weights(tmp_path / "w.safetensors")
    assert found.model.config == weights.model.config
    assert found.calibration == weights.calibration
    assert found.record == weights.record
    assert found.name == "w"
    batch = torch.rand(3, 6, 10), torch.full((3, 6), 50.0), torch.ones(3, 6, dtype=torch.bool)
    torch.testing.assert_close(found.model(*batch), weights.model(*batch), atol=0, rtol=0)


@pytest.mark.parametrize("name", MODEL_NAMES)
def test_a_file_rebuilds_every_kind_of_model(tmp_path, name):
    weights = untrained(name)
    save_weights(tmp_path / "w", weights)
    found = load_weights(tmp_path / "w")
    assert type(found.model) is type(weights.model)
    assert found.model.config == weights.model.config
    batch = torch.rand(2, 30, 3), torch.arange(60).reshape(2, 30) + 1.0, torch.rand(2, 30) > 0.3
    torch.testing.assert_close(found.model(*batch), weights.model(*batch), atol=0, rtol=0)


def test_a_file_of_format_1_has_a_linear_embedding(tmp_path):
    path = tmp_path / "w"
    spoil(path, "config.embedding", None)
    header = json.loads(read_header(path))
    with pytest.raises(WeightsError, match=r"expected .*embedding"):
        load_weights(path)
    save_file(load_file(path), path, metadata={"am4cm": json.dumps(header | {"format": 1})})
    config = load_weights(path).model.config
    assert isinstance(config, LTAEConfig)
    assert config.embedding == "linear"


def test_a_file_of_format_2_has_no_joint_calibration(tmp_path):
    path = tmp_path / "w"
    save_weights(path, bright_weights())
    header = json.loads(read_header(path))
    for name in ("joint_prior", "cloud", "unusable"):
        del header["calibration"][name]
    save_file(load_file(path), path, metadata={"am4cm": json.dumps(header | {"format": 2})})
    assert load_weights(path).calibration == bright_weights().calibration
    save_file(load_file(path), path, metadata={"am4cm": json.dumps(header)})
    with pytest.raises(WeightsError, match=r"expected .*joint_prior"):
        load_weights(path)


COMPAT_SPOILT = [
    ("convolution", 1, "holds 1; expected true or false"),
    ("convolution", True, "tensor encoder.inconv.0.bias has shape None"),
    ("neurons", [], "neurons: expected 1 to 16 of them"),
    ("neurons", [128] * 17, "neurons: expected 1 to 16 of them"),
    ("neurons", [0], "neurons: expected 1 to 10^6"),
    ("neurons", [60, 128], "the first a multiple of heads"),
    ("neurons", [64, 128], "features: expected the first of neurons"),
    ("positions", 24, "positions: expected 367"),
    ("dates", 0, "1 to 10^6"),
    ("dropout", 1.0, "dropout: expected from 0 to below 1"),
    ("attention_dropout", -0.1, "attention_dropout: expected from 0"),
]


@pytest.mark.parametrize(("field", "value", "words"), COMPAT_SPOILT)
def test_a_header_of_compat_that_does_not_fit_is_named(tmp_path, field, value, words):
    path = tmp_path / "w"
    save_weights(path, untrained("compat-34k"))
    header = json.loads(read_header(path))
    header["config"][field] = value
    save_file(load_file(path), path, metadata={"am4cm": json.dumps(header)})
    with pytest.raises(WeightsError, match=re.escape(words)):
        load_weights(path)


def test_the_same_weights_are_the_same_bytes(tmp_path):
    for name in "ab":
        save_weights(tmp_path / name, bright_weights())
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    sums = {load_weights(tmp_path / name).sha256 for name in "ab"}
    assert len(sums) == 1


def test_the_default_weights_are_found_and_load():
    weights = load_weights(default_weights())
    assert len(weights.model.config.bands) == 10
    assert weights.sha256 == hashlib.sha256(default_weights().read_bytes()).hexdigest()


@pytest.mark.parametrize("content", [b"", b"not weights", b"\xff" * 64, b"{}" * 400])
def test_a_file_that_is_no_safetensors(tmp_path, content):
    path = tmp_path / "w.safetensors"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"w\.safetensors: not a readable weights file"):
        load_weights(path)


def test_a_missing_file(tmp_path):
    with pytest.raises(WeightsError, match=r"none\.safetensors"):
        load_weights(tmp_path / "none.safetensors")


def test_safetensors_of_another_program(tmp_path):
    save_file({"a": torch.zeros(1)}, tmp_path / "w", metadata={"format": "pt"})
    with pytest.raises(WeightsError, match="without am4cm's header"):
        load_weights(tmp_path / "w")


def spoil(path, place, value):
    """Change one item of the header of a good file; None takes it away."""
    save_weights(path, bright_weights())
    header = json.loads(read_header(path))
    *parents, last = place.split(".")
    parent = header
    for name in parents:
        parent = parent[name]
    parent[last] = value
    if value is None:
        del parent[last]
    save_file(load_file(path), path, metadata={"am4cm": json.dumps(header)})


BANDS = [f"B{number:02d}" for number in range(2, 9)] + ["B8A", "B11"]
SPOILT = [
    ("format", 99, "format 99"),
    ("model", "unet", "model unet"),
    ("model", ["ltae"], "model"),
    ("config", None, "config has null"),
    ("config", [], "config has"),
    ("config.magic", 1, "magic"),
    ("config.embedding", "conv", "embedding: expected one of linear, mlp"),
    ("config.hidden", -1, "hidden: expected 0 to 10^6"),
    ("config.heads", 3, "a multiple of heads"),
    ("config.heads", 0, "1 to 10^6"),
    ("config.key_channels", 2, "key.bias has shape (2,); expected (4,)"),
    ("config.heads", "2", "a whole number"),
    ("config.hidden", 10**6, "has shape"),
    ("config.channels", 10**30, "1 to 10^6"),
    ("config.dropout", 7, "dropout"),
    ("config.bands", BANDS, "mean and std: expected 9 numbers each"),
    ("config.bands", ["x"] * 10, "bands of Sentinel-2, each once"),
    ("config.bands", ["B02"] * 10, "bands of Sentinel-2, each once"),
    ("config.bands", "B02", "expected a list"),
    ("config.mean", [0.1] * 3, "mean and std: expected 10"),
    ("config.mean", [float("nan")] * 10, "expected finite numbers"),
    ("config.std", [0.0] * 10, "std: expected numbers above 0"),
    ("config.classes", [1, 2], "config.classes holds 1; expected text"),
    ("calibration", None, "calibration has null"),
    ("calibration.band_covariance", [[1.0, 0.0], [0.0, 1.0]], "10 rows of 10 numbers"),
    ("calibration.band_covariance", [[1.0] * 9] * 10, "10 rows of 10 numbers"),
    ("calibration.band_covariance", [[float("inf")] * 10] * 10, "finite"),
    ("calibration.logit_sd", [1.0] * 3, "logit_sd: expected 2 numbers"),
    ("calibration.logit_sd", ["1", "2"], "logit_sd holds"),
    ("calibration.logit_sd", [1.0, 0.0], "logit_sd: expected numbers above 0"),
    ("calibration.prior", {}, "calibration.prior has"),
    ("calibration.prior.centre.clear_sd", -1, "scales and spreads above 0"),
    ("calibration.prior.spread.clear_mean", 0, "scales and spreads above 0"),
    ("calibration.prior.centre.cloud_share", 1, "cloud_share between 0 and 1"),
    ("calibration.prior.centre.cloud_scale", 10**400, "too large"),
    ("record", [1], "record holds [1]; expected an object"),
]


@pytest.mark.parametrize(("place", "value", "words"), SPOILT)
def test_a_header_that_does_not_fit_is_named(tmp_path, place, value, words):
    path = tmp_path / "w.safetensors"
    spoil(path, place, value)
    with pytest.raises(WeightsError, match=re.escape(words)) as error:
        load_weights(path)
    assert str(error.value).startswith(f"{path}: ")
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [("norm.running_var", -1), ("key.weight", torch.nan), ("mlp.0.bias", torch.inf)],
)
def test_a_tensor_that_is_no_training_s_is_named(tmp_path, name, value):
    weights = bright_weights()
    weights.model.state_dict()[name].fill_(value)
    save_weights(tmp_path / "w", weights)
    with pytest.raises(WeightsError, match=rf"tensor {re.escape(name)} holds NaN"):
        load_weights(tmp_path / "w")


@pytest.mark.parametrize(
    "record",
    [None, {}, {"scores": 3, "data": {"series": "many"}, "training": [], "choice": {}}],
)
def test_a_card_needs_no_record(tmp_path, record):
    spoil(tmp_path / "w", "record", record)
    card = weights_card(load_weights(tmp_path / "w"))
    console = Console(file=io.StringIO(), width=200)
    console.print(weights_table(card))
    lines = console.file.getvalue().splitlines()
    assert any(line.split() == ["scores", "not", "recorded"] for line in lines)
    assert any(line.split() == ["classes", "maize,", "meadow"] for line in lines)


def test_a_record_changes_no_fact(tmp_path):
    spoil(tmp_path / "w", "record", {"parameters": 1, "config": "none", "note": "mine"})
    card = weights_card(load_weights(tmp_path / "w"))
    assert card["parameters"] == sum(p.numel() for p in bright_weights().model.parameters())
    assert card["config"]["classes"] == ("maize", "meadow")
    assert card["note"] == "mine"


def read_header(path):
    """Read the metadata by the format's own definition: a length, then JSON."""
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + length])["__metadata__"]["am4cm"]


def test_a_header_of_one_json_string(tmp_path):
    save_weights(tmp_path / "w", bright_weights())
    assert set(json.loads(read_header(tmp_path / "w"))) == {
        "format",
        "model",
        "config",
        "calibration",
        "record",
    }


def test_loading_leaves_torchs_compiler_alone():
    # Its import takes a second or two, and shapes alone may ask for it.
    code = (
        "import sys; from am4cm_cli.weights import load_weights; "
        "from am4cm_cli.weights_header import default_weights; load_weights(default_weights()); "
        "print('torch._dynamo' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "False\n"
