"""A folder like PASTIS from a seed: patches of France, their crops, the truth of their clouds."""

from am4cm_cli.simulation.pastis.config import PastisConfig
from am4cm_cli.simulation.pastis.writing import write_pastis

__all__ = ["PastisConfig", "write_pastis"]
