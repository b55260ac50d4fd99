"""The images of a mask, as a page asks for them: one date after the other, in few pixels."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from am4cm_cli.likeness import likeness_notes
from am4cm_cli.pictures.panels import matching_scenes
from am4cm_cli.rasters.masks import MaskFile
from am4cm_cli.rasters.reading import read_preview
from am4cm_cli.scores.residuals import parts_of
from am4cm_cli.scoring import StackScorer, make_scorer
from am4cm_cli.skipping import unreadable_notes
from am4cm_cli.stacks.headers import quiet
from am4cm_cli.stacks.stack import Stack
from am4cm_cli.validation.evaluating import weights_notes
from am4cm_cli.viewer.looks import Look, find_looks, settle_tones
from am4cm_cli.weights import Weights


@dataclass(frozen=True, kw_only=True)
class Images:
    """The scenes of a mask, in the order of its bands."""

    stack: Stack
    bands: tuple[str, ...]
    """That are read: those that decide what is valid, and those of the clear sky."""
    looks: tuple[Look, ...]
    scorer: StackScorer
    """Tells the clear sky."""
    notes: tuple[str, ...]
    """What a user should know of them, one sentence each."""

    def read(self, shape: tuple[int, int]) -> Iterator["Seen"]:
        """Read the whole of each scene as a picture of a shape."""
        with quiet(self.stack.grid):
            for scene in self.stack.scenes:
                yield Seen(*read_preview(scene, self.bands, self.stack.grid, shape))

    @property
    def shown(self) -> tuple[str, ...]:
        """Bands whose series are shown: those taken for blue, NIR and SWIR."""
        return tuple(self.scorer.bands[place] for place in parts_of(self.scorer.bands))

    def clear_sky(
        self, reflectance: NDArray[np.float32], valid: NDArray[np.bool_]
    ) -> NDArray[np.float32]:
        """Estimate what each date would show under a clear sky, as the mask does.

        Args:
            reflectance: (T, B, P) of `bands`.
            valid: (T, P)

        Returns:
            (3, T, P) reflectance of `shown`; NaN where not valid, or without a date near enough.
        """
        own = [self.bands.index(band) for band in self.scorer.bands]
        _, blue, nir, swir = self.scorer.evidence(reflectance[:, own], valid).numpy()
        seen = [reflectance[:, self.bands.index(band)] for band in self.shown]
        # The blue is measured above the clear sky, the others below it.
        clear_sky: NDArray[np.float32] = np.stack(seen) + np.stack([-blue, nir, swir])
        return clear_sky


@dataclass(frozen=True)
class Seen:
    """Pixels of one scene."""

    reflectance: NDArray[np.float32]
    """(B, ...), 0 where not valid."""
    valid: NDArray[np.bool_]
    """(...)"""


def read_bands(stack: Stack, weights: Weights) -> tuple[str, ...]:
    """Those that a page reads: what decides what is valid, and what the weights can take."""
    own = [band for band in weights.model.config.bands if band in stack.bands]
    return tuple(dict.fromkeys((*stack.deciding_bands, *own)))


def open_images(
    stack: Stack, mask: MaskFile, weights: Weights, cloud_share: NDArray[np.float64]
) -> Images:
    """Find the scenes of a mask, and settle how they are drawn.

    Args:
        stack: that the mask was made of.
        mask: whose dates are shown.
        weights: whose attention tells the clear sky.
        cloud_share: (T,) of the mask's dates, NaN where a date has no answer.

    Raises:
        StackError: the stack is not the mask's, or cannot be read.
        WeightsError: the weights cannot serve the stack's bands.
    """
    scenes = matching_scenes(stack, mask)
    own = replace(stack, scenes=tuple(scenes))
    scorer = make_scorer(own, weights, "counterfactual", device=torch.device("cpu"))
    bands = read_bands(stack, weights)
    looks = settle_tones(find_looks(bands), own, scenes, mask, cloud_share)
    return Images(
        stack=own,
        bands=bands,
        looks=tuple(looks),
        scorer=scorer,
        notes=(
            *likeness_notes(own, mask),
            *unreadable_notes(own),
            *weights_notes(mask, weights, told="the clear sky shown"),
        ),
    )
