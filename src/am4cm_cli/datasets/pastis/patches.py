"""One patch of PASTIS as pixel series."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from am4cm_cli.datasets.pastis.checking import open_array, read_target
from am4cm_cli.datasets.pastis.choice import PixelChoice, choose_pixels
from am4cm_cli.datasets.pastis.gathering import gather_series
from am4cm_cli.datasets.pastis.layout import GAP, PIXELS, VOID, images_name
from am4cm_cli.datasets.pastis.metadata import Patch
from am4cm_cli.datasets.pixels import NODATA
from am4cm_cli.datasets.writer import LeftOut
from am4cm_cli.errors import DataError
from am4cm_cli.sensors import LAND_BANDS


@dataclass(frozen=True, kw_only=True)
class PatchSeries:
    """N series of T dates."""

    reflectance: NDArray[np.int16]
    """(N, T, B) stored reflectance."""
    target: NDArray[np.uint8]
    """(N,)"""
    pixel: NDArray[np.int64]
    """(N,) ascending."""
    left_out: LeftOut


def buffer_size(patch: Patch, choice: PixelChoice) -> int:
    """Numbers that the largest choice of pixels from a patch can have."""
    return choice.count(PIXELS) * len(patch.days) * len(LAND_BANDS)


def read_patch(
    folder: Path, patch: Patch, choice: PixelChoice, buffer: NDArray[np.int16]
) -> PatchSeries:
    """Read the chosen pixels of a patch.

    Args:
        folder: of PASTIS, checked.
        patch: to read.
        choice: of its pixels.
        buffer: of at least `buffer_size`; the reflectance lies in it, so that the memory of one
            patch serves the next.

    Raises:
        DataError: the files are not what they were when they were checked.
    """
    target = read_target(folder, patch.number).ravel()
    pixel = choose_pixels(target, choice, patch=patch.number)
    images = _images(folder, patch)
    shape = len(pixel), images.shape[0] * images.shape[1]
    stored = buffer[: shape[0] * shape[1]].reshape(shape)
    gather_series(images.reshape(shape[1], PIXELS), pixel, out=stored)
    reflectance = stored.reshape(len(pixel), *images.shape[:2])
    observed = np.ones(len(pixel), np.bool_)
    if (images[:, 0] == GAP).any():  # rare, and much cheaper to ask of one band
        observed = mark_gaps(reflectance)
        reflectance, pixel = reflectance[observed], pixel[observed]
    void = int((target == VOID).sum())
    left_out = LeftOut(
        void=void,
        not_taken=PIXELS - void - len(observed),
        unobserved=len(observed) - len(pixel),
    )
    return PatchSeries(
        reflectance=reflectance, target=target[pixel], pixel=pixel, left_out=left_out
    )


def mark_gaps(reflectance: NDArray[np.int16]) -> NDArray[np.bool_]:
    """Write NODATA, in place, where all bands of a date hold THEIA's number for no observation.

    Args:
        reflectance: (N, T, B) stored.

    Returns:
        (N,) True where at least one date was observed.
    """
    gap = (reflectance == GAP).all(axis=2)
    reflectance[gap] = NODATA
    observed: NDArray[np.bool_] = ~gap.all(axis=1)
    return observed


def _images(folder: Path, patch: Patch) -> NDArray[np.int16]:
    name = images_name(patch.number)
    images = open_array(folder, name)
    if len(images) != len(patch.days):
        raise DataError(
            f"{folder / name}: found {len(images)} dates, but {len(patch.days)} when it was "
            "checked. Don't change the folder while it is being prepared; run the command again."
        )
    return images
