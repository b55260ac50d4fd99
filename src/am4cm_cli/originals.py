"""State dicts of the original L-TAE, under their original keys."""

from pathlib import Path

from am4cm_cli.errors import WeightsError, first_line
from am4cm_cli.models.original import OriginalConfig, OriginalEncoder
from am4cm_cli.tensors import filled, read_tensors


def load_original(path: Path, config: OriginalConfig) -> OriginalEncoder:
    """The original encoder with the tensors of a safetensors file, in evaluation mode.

    Args:
        path: the state dict of the temporal encoder alone, saved as safetensors.
        config: what it was built with; its positions are the rows of position_enc.weight.

    Raises:
        WeightsError: the file is missing or not safetensors, or its keys or shapes are others.
    """
    _, tensors = read_tensors(path)
    try:
        return filled(lambda: OriginalEncoder(config), tensors)
    except (ValueError, RuntimeError) as error:
        raise WeightsError(
            f"{path}: not the original L-TAE of this config: {first_line(error)}. Give the config "
            "it was built with, and the state dict of the temporal encoder alone."
        ) from error
