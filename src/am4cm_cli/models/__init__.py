"""Models of pixel series: each is one file that the verbs pick from here.

`build(name, ...)` makes an untrained one for each of MODEL_NAMES:

- default: the L-TAE in ltae.py, 128 channels, 16 heads, an MLP of 128;
- mlp: the same with an MLP as embedding of each date; cannot be folded, so it masks nothing;
- 9k, 34k, 112k, 288k: the same with the paper's heads, channels and MLP; 34k is the default;
- compat-9k, compat-34k, compat-112k, compat-288k: the paper's own network, compat.py.

MODELS has the kinds of model by their name in a weights file.
"""

from collections.abc import Callable
from typing import Any

from am4cm_cli.models.chance import Chance
from am4cm_cli.models.choice import MODEL_NAMES, build
from am4cm_cli.models.compat import Compat, CompatConfig
from am4cm_cli.models.ltae import LTAE, LTAEConfig
from am4cm_cli.models.pixel import ModelConfig, PixelModel, Prediction

MODELS: dict[str, tuple[type[ModelConfig], Callable[[Any], PixelModel]]] = {
    "ltae": (LTAEConfig, LTAE),
    "compat": (CompatConfig, Compat),
}
"""Name in a weights file to the classes of its config and model."""

__all__ = [
    "LTAE",
    "MODELS",
    "MODEL_NAMES",
    "Chance",
    "Compat",
    "CompatConfig",
    "LTAEConfig",
    "ModelConfig",
    "PixelModel",
    "Prediction",
    "build",
]
