"""Small networks with settled statistics, for tests."""

from dataclasses import replace

import torch

from am4cm_cli.models import LTAE, LTAEConfig, build
from am4cm_cli.weights import Calibration, Weights


def tiny_config(**changes):
    values = {
        "bands": ("B02", "B03", "B08", "B11"),
        "mean": (0.1, 0.12, 0.3, 0.25),
        "std": (0.05, 0.06, 0.1, 0.08),
        "classes": ("meadow", "maize", "wheat"),
        "channels": 12,
        "heads": 2,
        "key_channels": 5,
        "hidden": 9,
    }
    return LTAEConfig(**(values | changes))


def tiny_model(seed=0, **changes):
    """A model in evaluation mode whose batch norms have seen something."""
    torch.manual_seed(seed)
    model = LTAE(tiny_config(**changes))
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm1d):
            torch.nn.init.normal_(module.running_mean)
            torch.nn.init.uniform_(module.running_var, 0.5, 2)
            torch.nn.init.uniform_(module.weight, 0.5, 2)
            torch.nn.init.normal_(module.bias)
    return model.eval()


def untrained(name):
    """Weights of a model by its name, with a calibration that fits."""
    torch.manual_seed(0)
    bands = ("B02", "B03", "B08")
    model = build(name, bands=bands, mean=(0.1,) * 3, std=(0.2,) * 3, classes=("maize", "rape"))
    calibration = Calibration(
        logit_sd=(1.0,) * model.config.heads,
        band_covariance=((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
    )
    return Weights(model=model.eval(), calibration=calibration, record={})


def settled(name, seed=0, *, bands=("B02", "B03", "B08", "B11")):
    """A model by its name in float64, whose batch norms have seen something."""
    torch.manual_seed(seed)
    count = len(bands)
    mean, std = torch.rand(2, count).mul(0.2).add(0.05).tolist()
    model = build(name, bands=bands, mean=tuple(mean), std=tuple(std), classes=("maize", "rape"))
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm1d | torch.nn.LayerNorm):
            torch.nn.init.uniform_(module.weight, 0.5, 2)
            torch.nn.init.normal_(module.bias)
        if isinstance(module, torch.nn.BatchNorm1d):
            torch.nn.init.normal_(module.running_mean)
            torch.nn.init.uniform_(module.running_var, 0.5, 2)
    return model.eval().double()


@torch.no_grad()
def mlp_twin(model):
    """A network with an MLP that responds to reflectance as a linear one does: x = x+ - (-x)+."""
    old, bands = model.config, len(model.config.bands)
    wide = max(old.channels, 2 * bands)
    wide += -wide % old.heads
    twin = LTAE(replace(old, embedding="mlp", channels=wide)).to(model.query.dtype).eval()
    first, norm, _, last = twin.embedding
    for tensor in (first.weight, first.bias, last.weight, last.bias, twin.key.weight):
        tensor.zero_()
    first.weight[:bands], first.weight[bands : 2 * bands] = torch.eye(bands), -torch.eye(bands)
    norm.running_var.uniform_(0.5, 2)
    scaled = model.embedding.weight * (norm.running_var[:bands] + norm.eps).sqrt()
    last.weight[: old.channels, :bands] = scaled
    scaled = model.embedding.weight * (norm.running_var[bands : 2 * bands] + norm.eps).sqrt()
    last.weight[: old.channels, bands : 2 * bands] = -scaled
    last.bias[: old.channels] = model.embedding.bias
    for name in ("running_mean", "running_var", "weight", "bias"):
        getattr(twin.norm, name)[: old.channels] = getattr(model.norm, name)
    twin.key.weight[:, : old.channels] = model.key.weight
    twin.key.bias.copy_(model.key.bias)
    twin.query.copy_(model.query)
    return twin
