"""What is believed of one window of a stack."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from am4cm_cli.judgement import Judge, Judgement
from am4cm_cli.rasters.reading import read_window
from am4cm_cli.scores.neighbourhood import RIM
from am4cm_cli.scoring import StackScorer
from am4cm_cli.windows import inside, with_rim


@dataclass(frozen=True, kw_only=True)
class WindowAnswer:
    """A window of a stack and what is believed of it."""

    reflectance: NDArray[np.float32]
    """(T, B, Y, X), 0 where not valid; bands in the model's order."""
    valid: NDArray[np.bool_]
    """(T, Y, X)"""
    judgement: Judgement


def judge_window(scorer: StackScorer, judge: Judge, window: Window) -> WindowAnswer:
    """Read a window with its rim, judge it, and cut the rim off."""
    wider = with_rim(window, scorer.stack.grid.shape, rim=RIM)
    rows, cols = inside(window, wider)
    reflectance, valid = read_window(scorer.stack, scorer.bands, wider)
    judgement = judge(judge.planes(scorer.evidence(reflectance, valid)))
    cut = {name: layer[:, rows, cols] for name, layer in vars(judgement).items()}
    return WindowAnswer(
        reflectance=reflectance[..., rows, cols],
        valid=valid[:, rows, cols],
        judgement=Judgement(**cut),
    )
