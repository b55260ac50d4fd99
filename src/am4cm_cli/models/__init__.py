"""Models by name: a model is one file that the verbs pick from here."""

from am4cm_cli.models.ltae import LTAE, LTAEConfig, Prediction

MODELS = {"ltae": (LTAEConfig, LTAE)}
"""Name in a weights file to the classes of its config and model."""

__all__ = ["LTAE", "MODELS", "LTAEConfig", "Prediction"]
