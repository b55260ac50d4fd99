"""Small networks with settled statistics, for tests."""

import torch

from am4cm_cli.models import LTAE, LTAEConfig


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
