"""Weights files: nothing lost, nothing else needed, nothing else accepted."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from am4cm_cli.errors import WeightsError
from am4cm_cli.weights import default_weights, load_weights, save_weights
from cloudy import bright_weights


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


def test_the_same_weights_are_the_same_bytes(tmp_path):
    for name in "ab":
        save_weights(tmp_path / name, bright_weights())
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    sums = {load_weights(tmp_path / name).sha256 for name in "ab"}
    assert len(sums) == 1


def test_the_default_weights_are_found_and_load():
    weights = load_weights(default_weights())
    assert len(weights.model.config.bands) == 10
    assert "Z" not in weights.sha256
    assert len(weights.sha256) == 64


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


def change_format(header):
    header["format"] = 99


def change_model(header):
    header["model"] = "unet"


def drop_a_band(header):
    header["config"]["bands"].pop()
    header["config"]["mean"].pop()
    header["config"]["std"].pop()


def drop_config(header):
    del header["config"]


def add_option(header):
    header["config"]["magic"] = 1


def spoil_prior(header):
    header["calibration"]["prior"] = {}


def spoil_heads(header):
    header["config"]["heads"] = 3


@pytest.mark.parametrize(
    "spoil",
    [change_format, change_model, drop_a_band, drop_config, add_option, spoil_prior, spoil_heads],
)
def test_a_header_that_does_not_fit_is_named(tmp_path, spoil):
    path = tmp_path / "w.safetensors"
    save_weights(path, bright_weights())
    header = json.loads(read_header(path))
    spoil(header)
    save_file(load_file(path), path, metadata={"am4cm": json.dumps(header)})
    with pytest.raises(WeightsError, match=r"w\.safetensors: "):
        load_weights(path)


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
