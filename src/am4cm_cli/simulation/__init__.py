"""A labelled Sentinel-2 stack from nothing but a seed: fields, crops, sun, clouds and sensor."""

from am4cm_cli.simulation.config import SimulationConfig
from am4cm_cli.simulation.crops import COVERS
from am4cm_cli.simulation.landscape import Landscape
from am4cm_cli.simulation.processors import PROCESSORS, Processor
from am4cm_cli.simulation.scenes import SimulatedScene, simulate, simulate_scenes
from am4cm_cli.simulation.writing import write_stack

__all__ = [
    "COVERS",
    "PROCESSORS",
    "Landscape",
    "Processor",
    "SimulatedScene",
    "SimulationConfig",
    "simulate",
    "simulate_scenes",
    "write_stack",
]
