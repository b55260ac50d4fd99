"""Small networks with settled statistics, for tests."""

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
