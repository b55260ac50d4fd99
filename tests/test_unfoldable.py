"""Weights whose attention is not affine in reflectance: kept and shown, but they mask nothing."""

import sys

import pytest

from am4cm_cli.app import main
from am4cm_cli.weights import save_weights
from cloudy import write_cloudy
from networks import untrained


@pytest.mark.parametrize("name", ["mlp", "compat-9k"])
def test_mask_refuses_them_in_one_line(tmp_path, capfd, monkeypatch, name):
    write_cloudy(tmp_path)
    save_weights(tmp_path / "w.safetensors", untrained(name))
    words = ["mask", tmp_path / "images", tmp_path / "out.tif"]
    words += ["--weights", tmp_path / "w.safetensors"]
    monkeypatch.setattr(sys, "argv", ["am4cm", *map(str, words)])
    with pytest.raises(SystemExit) as stop:
        main()
    printed = capfd.readouterr()
    assert stop.value.code == 1
    assert len(printed.err.splitlines()) == 1
    assert "attention logits are not affine in reflectance" in printed.err
    assert "--model default" in printed.err
    assert printed.out == ""
    assert not (tmp_path / "out.tif").exists()
