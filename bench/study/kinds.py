"""Classes of a mask, as `am4cm mask --classes` writes them."""

import numpy as np
import torch
from numpy.typing import NDArray
from variants import Answer

from am4cm_cli.judgement import THICK_BLUE, Judgement, joint_scores


def mask_classes(answer: Answer) -> NDArray[np.uint8]:
    """(T, Y, X) by the mask's own judgement; of an answer that joined its evidence."""
    assert answer.mode is not None
    evidence = torch.from_numpy(answer.evidence)
    cloud, shadow = joint_scores(evidence, answer.mode)
    judged = Judgement(
        cloud=torch.from_numpy(answer.cloud),
        unusable=torch.from_numpy(answer.unusable),
        shadowed=shadow > cloud,
        thick=evidence[1] > THICK_BLUE,
    )
    found: NDArray[np.uint8] = judged.classes().numpy()
    return found
