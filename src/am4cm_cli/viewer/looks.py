"""Which bands a picture shows, and how bright."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from am4cm_cli.pictures.panels import SURVEY_SIDE, TRUE_COLOUR, small_shape
from am4cm_cli.pictures.tones import brighten, span
from am4cm_cli.rasters.masks import MaskFile, read_probability
from am4cm_cli.rasters.reading import read_preview
from am4cm_cli.scores.residuals import NIR
from am4cm_cli.stacks.headers import quiet
from am4cm_cli.stacks.stack import Scene, Stack

TONE_DATES = 12
"""The clearest ones, by which brightness is settled."""
UNSEEN = 128
"""Grey of what was not observed."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """Three bands as red, green and blue, brightened alike on all dates."""

    key: str
    label: str
    bands: tuple[str, str, str]
    spans: tuple[tuple[float, float], ...] = ((0, 1),) * 3
    """Reflectance to draw as black and as white, of each band."""

    def paint(
        self, bands: Sequence[str], reflectance: NDArray[np.float32], valid: NDArray[np.bool_]
    ) -> NDArray[np.uint8]:
        """(3, Y, X) colours of (B, Y, X) reflectance, UNSEEN where not valid."""
        layers = [
            brighten(reflectance[bands.index(band)], *ends)
            for band, ends in zip(self.bands, self.spans, strict=True)
        ]
        colours = np.rint(255 * np.stack(layers)).astype(np.uint8)
        return np.where(valid, colours, np.uint8(UNSEEN))


def find_looks(bands: Sequence[str]) -> list[Look]:
    """True and false colour, as far as a stack has the bands; else its first band in grey."""
    red, green, _ = TRUE_COLOUR
    nir = next((band for band in ("B08", *NIR) if band in bands), None)
    looks = []
    if set(TRUE_COLOUR) <= set(bands):
        looks.append(Look(key="true", label="True colour", bands=TRUE_COLOUR))
    if nir and {red, green} <= set(bands):
        looks.append(Look(key="false", label="False colour", bands=(nir, red, green)))
    return looks or [Look(key="grey", label=bands[0], bands=(bands[0],) * 3)]


def settle_tones(
    looks: Sequence[Look],
    stack: Stack,
    scenes: Sequence[Scene],
    mask: MaskFile,
    cloud_share: NDArray[np.float64],
) -> list[Look]:
    """Brighten looks by the clear ground of the clearest dates.

    The bands of true colour share one span, so that grey stays grey; others have each their own.

    Args:
        looks: to brighten.
        stack: of the images.
        scenes: of all bands of the mask.
        mask: of the same dates.
        cloud_share: (T,) NaN where a date has no answer.
    """
    bands = sorted({band for look in looks for band in look.bands})
    clear = _clear_ground(bands, stack, scenes, mask, cloud_share)
    settled = []
    for look in looks:
        own = [clear[bands.index(band)] for band in look.bands]
        shared = [np.concatenate(own)] * 3 if look.key == "true" else own
        settled.append(
            Look(
                key=look.key,
                label=look.label,
                bands=look.bands,
                spans=tuple(span(pixels) for pixels in shared),
            )
        )
    return settled


def _clear_ground(
    bands: Sequence[str],
    stack: Stack,
    scenes: Sequence[Scene],
    mask: MaskFile,
    cloud_share: NDArray[np.float64],
) -> NDArray[np.float32]:
    """(B, N) reflectance of pixels that are not masked."""
    chosen = sorted(np.argsort(cloud_share, kind="stable")[:TONE_DATES].tolist())
    shape = small_shape(stack.grid.shape, SURVEY_SIDE)
    found = []
    with quiet(stack.grid):
        for place, share in zip(chosen, read_probability(mask, shape, indexes=chosen), strict=True):
            # All deciding bands are read, since all of them decide what is valid.
            read = tuple(dict.fromkeys((*stack.deciding_bands, *bands)))
            reflectance, valid = read_preview(scenes[place], read, stack.grid, shape)
            own = [read.index(band) for band in bands]
            found.append(reflectance[own][:, valid & (share < 0.5)])
    return np.concatenate(found, axis=1)
